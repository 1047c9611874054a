#include "cache/content_check.h"

#include "tests/support/cache_fixture.h"

namespace sluice::cache {
namespace {

using Algorithm = Digest::Algorithm;

Digest DigestOf(std::string_view text, Algorithm algorithm = Algorithm::kSha256) {
  DigestStream stream(algorithm);
  stream.Add(std::as_bytes(std::span(text)));
  return {algorithm, stream.Finish()};
}

// What looks like an MD5 of the text and is that of another.
Digest OddEtag() {
  Digest digest = DigestOf("something else", Algorithm::kMd5);
  digest.is_guess = true;
  return digest;
}

// "s" is one block that is not full, "l" four.
class ContentCheckTest : public CacheTest {
 protected:
  void SetUp() override {
    Open();
    source.files["s"] = RandomText(kBlock / 2, 41);
    source.files["l"] = RandomText(4 * kBlock, 42);
    for (const auto& [path, text] : source.files) source.digests[path] = DigestOf(text);
  }
  void TearDown() override {
    for (const auto& object : objects) cache->store().Release(object);
    CacheTest::TearDown();
  }
  std::shared_ptr<Object> Opened(const std::string& path) {
    objects.push_back(Acquire(path));
    return objects.back();
  }
  void Reopen() {
    for (const auto& object : objects) cache->store().Release(object);
    objects.clear();
    CloseCache();
    Open();
  }
  // All of the object, by one read; then what goes on behind it.
  StatusOr<std::string> ReadAll(const std::shared_ptr<Object>& object) {
    auto text = Read(object, 0, object->size());
    SettleProofs(object);
    return text;
  }
  void SettleProofs(const std::shared_ptr<Object>& object) {
    loop.Block([](io::Loop& on, std::shared_ptr<Object> of) -> io::Task<int> {
      while (of->proof == Proof::kUnderWay) co_await on.Sleep(std::chrono::milliseconds(1));
      co_return 0;
    }(loop, object));
  }
  bool AwaitProof(const std::shared_ptr<Object>& object) {
    return loop.Block(
        [](ContentChecks& checks, std::shared_ptr<Object> of, std::shared_ptr<source::Source> at) -> io::Task<bool> {
          co_return co_await checks.AwaitProof(of, at);
        }(cache->checks(), object, shared_source));
  }
  uint64_t Metric(const std::string& name) {
    const std::string text = metrics->Text();
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + name.size() + 2, nullptr, 10);
  }
  uint64_t Bad() { return Metric("sluice_source_bad_objects_total"); }

  std::vector<std::shared_ptr<Object>> objects;
};

TEST_F(ContentCheckTest, ASmallFileIsProvenAsItComes) {
  const auto object = Opened("s");
  EXPECT_EQ(*ReadAll(object), source.files["s"]);
  EXPECT_EQ(object->proof, Proof::kProven);
  EXPECT_EQ(Metric("sluice_source_proven_bytes_total"), source.files["s"].size());
  EXPECT_EQ(source.digests_asked, 0u);
}

TEST_F(ContentCheckTest, AWrongByteOfASmallFileIsNeverRead) {
  source.flips = {1, 2};
  const auto object = Opened("s");
  EXPECT_EQ(*ReadAll(object), source.files["s"]);
  EXPECT_EQ(source.reads, 3u);
  EXPECT_EQ(Bad(), 2u);
}

TEST_F(ContentCheckTest, NoPieceOfASmallFileGoesPastItsProof) {
  const auto object = Opened("s");
  EXPECT_EQ(*Read(object, kBlock / 2 - 1000, 1000), source.files["s"].substr(kBlock / 2 - 1000));
  EXPECT_EQ(source.reads, 1u);
}

TEST_F(ContentCheckTest, ASmallFileThatComesWrongAgainAndAgainIsAnErrorForAWhile) {
  source.flips = {1, 2, 3, 4, 5, 6};
  const auto object = Opened("s");
  EXPECT_TRUE(Fails(ReadAll(object).status(), StatusCode::kDataLoss, "what the source itself says"));
  EXPECT_EQ(source.reads, ContentChecks::kFetchesMax);
  EXPECT_TRUE(Fails(ReadAll(object).status(), StatusCode::kDataLoss, "what the source itself says"));
  EXPECT_EQ(source.reads, ContentChecks::kFetchesMax) << "it is not fetched for ever";
}

TEST_F(ContentCheckTest, TheSameWrongBytesTwiceAreNoFaultOfTheWay) {
  source.digests["s"] = DigestOf("something else");
  EXPECT_TRUE(Fails(ReadAll(Opened("s")).status(), StatusCode::kDataLoss, "what the source itself says"));
  EXPECT_EQ(source.reads, 2u);
}

TEST_F(ContentCheckTest, AnETagThatIsNoMd5IsFoundOut) {
  for (const char* path : {"s", "t", "u", "v", "w"}) {
    source.files[path] = RandomText(1000, static_cast<uint32_t>(path[0]));
    source.digests[path] = OddEtag();
    EXPECT_EQ(*ReadAll(Opened(path)), source.files[path]);
  }
  EXPECT_EQ(Metric("sluice_source_odd_etags_total"), ContentChecks::kOddEtagsMax);
  EXPECT_EQ(source.reads, 5u + ContentChecks::kOddEtagsMax) << "then they are not looked at any more";
  source.files["x"] = RandomText(1000, 43);
  source.digests["x"] = DigestOf(source.files["x"]);
  source.flips = {1};
  EXPECT_EQ(*ReadAll(Opened("x")), source.files["x"]);
  EXPECT_EQ(Bad(), ContentChecks::kOddEtagsMax + 1) << "what is certain is";
}

TEST_F(ContentCheckTest, ALargeFileIsProvenWhenItIsWhole) {
  const auto object = Opened("l");
  ASSERT_OK(Read(object, 0, kBlock).status());
  SettleProofs(object);
  EXPECT_EQ(source.digests_asked, 0u);
  EXPECT_EQ(*ReadAll(object), source.files["l"]);
  EXPECT_EQ(object->proof, Proof::kProven);
  EXPECT_EQ(source.digests_asked, 1u);
  EXPECT_EQ(Metric("sluice_source_proven_bytes_total"), 4u * kBlock);
}

TEST_F(ContentCheckTest, ALargeFileThatIsWrongIsDroppedAndFetchedAgain) {
  source.flips = {8};
  const auto object = Opened("l");
  ASSERT_OK(ReadAll(object).status());
  EXPECT_EQ(Bad(), 1u);
  EXPECT_EQ(object->cached_blocks(), 0u);
  EXPECT_TRUE(object->had_bad_bytes);
  EXPECT_EQ(*ReadAll(object), source.files["l"]);
  EXPECT_TRUE(AwaitProof(object));
  EXPECT_EQ(object->cached_blocks(), 4u);
}

TEST_F(ContentCheckTest, ALargeFileIsNotFetchedForEver) {
  source.digests["l"] = DigestOf("something else");
  const auto object = Opened("l");
  ASSERT_OK(ReadAll(object).status());
  ASSERT_OK(ReadAll(object).status());
  EXPECT_TRUE(Fails(ReadAll(object).status(), StatusCode::kDataLoss, "what the source itself says"));
  EXPECT_EQ(source.bytes_read, 8u * kBlock);
  EXPECT_EQ(object->cached_blocks(), 0u);
}

TEST_F(ContentCheckTest, ALargeFileWhoseETagIsNoMd5IsServed) {
  source.digests["l"] = OddEtag();
  const auto object = Opened("l");
  ASSERT_OK(ReadAll(object).status());
  EXPECT_EQ(*ReadAll(object), source.files["l"]);
  EXPECT_TRUE(AwaitProof(object));
  EXPECT_EQ(*ReadAll(object), source.files["l"]);
  EXPECT_EQ(source.bytes_read, 8u * kBlock);
}

TEST_F(ContentCheckTest, AProofOutlivesTheProcess) {
  ASSERT_OK(ReadAll(Opened("l")).status());
  ASSERT_OK(ReadAll(Opened("s")).status());
  Reopen();
  EXPECT_TRUE(AwaitProof(Opened("l")));
  EXPECT_TRUE(AwaitProof(Opened("s")));
  EXPECT_EQ(source.digests_asked, 1u);
}

TEST_F(ContentCheckTest, AProofIsNotRememberedOfAFileThatIsNotAllThere) {
  const auto object = Opened("l");
  ASSERT_OK(ReadAll(object).status());
  std::filesystem::resize_file(CacheFiles().at(0), 3 * kBlock);
  EXPECT_FALSE(loop.Block([](BlockStore& store, std::shared_ptr<Object> of) -> io::Task<bool> {
    co_return co_await store.Check(of, 3);
  }(cache->store(), object)));
  Reopen();
  source.flips = {1};
  const auto again = Opened("l");
  EXPECT_EQ(again->cached_blocks(), 3u);
  ASSERT_OK(ReadAll(again).status());
  EXPECT_EQ(Bad(), 1u);
}

TEST_F(ContentCheckTest, WhatWasWholeAndNotProvenIsProvenBeforeItIsUsed) {
  const auto digests = std::exchange(source.digests, {});
  ASSERT_OK(ReadAll(Opened("l")).status());
  Reopen();
  source.digests = digests;
  EXPECT_TRUE(AwaitProof(Opened("l")));
  EXPECT_EQ(Metric("sluice_source_proven_bytes_total"), 4u * kBlock);
}

TEST_F(ContentCheckTest, ABlockOfAProvenFileThatComesAgainIsComparedAlone) {
  const auto object = Opened("l");
  ASSERT_OK(ReadAll(object).status());
  const auto drop = [](BlockStore& store, std::shared_ptr<Object> of) -> io::Task<int> {
    co_await store.DropAll(of);
    co_return 0;
  };
  loop.Block(drop(cache->store(), object));
  ASSERT_OK(ReadAll(object).status());
  EXPECT_EQ(source.digests_asked, 1u);
  EXPECT_EQ(object->proof, Proof::kProven);
  loop.Block(drop(cache->store(), object));
  source.flips = {1};
  ASSERT_OK(ReadAll(object).status());
  EXPECT_EQ(Bad(), 1u);
  EXPECT_EQ(object->cached_blocks(), 0u);
}

TEST_F(ContentCheckTest, ASourceThatCannotBeAskedLeavesAFileAsItIs) {
  source.digest_failures = {Unavailable("away")};
  const auto object = Opened("l");
  ASSERT_OK(ReadAll(object).status());
  EXPECT_TRUE(AwaitProof(object));
  EXPECT_EQ(Metric("sluice_source_proven_bytes_total"), 0u);
  Reopen();
  EXPECT_TRUE(AwaitProof(Opened("l")));
  EXPECT_EQ(Metric("sluice_source_proven_bytes_total"), 4u * kBlock) << "the next process asks again";
}

TEST_F(ContentCheckTest, WhereTheSourceSaysNothingNothingIsDone) {
  source.digests.clear();
  const auto object = Opened("l");
  ASSERT_OK(ReadAll(object).status());
  EXPECT_TRUE(AwaitProof(object));
  EXPECT_EQ(source.digests_asked, 0u);
}

}  // namespace
}  // namespace sluice::cache

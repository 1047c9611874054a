#include "cache/dataset.h"

#include "tests/support/fake_source.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::cache {
namespace {

using namespace std::chrono_literals;

// The loop's timers run on the real clock; what is fresh is judged by a wall that the test turns.
class TurnedClock : public Clock {
 public:
  WallTime Wall() const override { return Clock::Wall() + std::chrono::duration_cast<WallTime::duration>(ahead); }
  Duration ahead{0};
};

class DatasetTest : public testing::Test {
 protected:
  void Open(Consistency consistency, bool resume = false) {
    if (cache == nullptr) {
      std::filesystem::create_directories(directory / "ssd");
      CacheOptions options;
      options.store.tiers = {{.medium = Medium::kSsd, .path = directory / "ssd", .quota_bytes = 16 * kMiB}};
      options.store.index_directory = directory / "index";
      auto opened = Cache::Open(options, loop, *io, metrics);
      ASSERT_OK(opened.status());
      cache = *std::move(opened);
    }
    if (dataset != nullptr) loop.Block(Close());
    auto owned = std::make_unique<FakeSource>(loop);
    if (source != nullptr) owned->files = source->files;
    source = owned.get();
    std::filesystem::create_directories(directory / "catalog");
    auto opened = Dataset::Open({.name = "v",
                                 .identity = "i",
                                 .directory = directory / "catalog",
                                 .consistency = consistency,
                                 .metadata_ttl = 60s,
                                 .block_size_bytes = 64 * 1024,
                                 .keep = resume ? Catalog::Keep::kAll : Catalog::Keep::kNothing},
                                std::move(owned), *cache, loop, limits, nullptr);
    ASSERT_OK(opened.status());
    dataset = *std::move(opened);
  }
  void TearDown() override {
    if (dataset != nullptr) loop.Block(Close());
    dataset.reset();
    if (cache != nullptr) loop.Block(CloseCache());
  }
  io::Task<int> Close() {
    co_await dataset->Close();
    co_return 0;
  }
  io::Task<int> Pause() {
    co_await loop.Sleep(1ms);
    co_return 0;
  }
  io::Task<int> CloseCache() {
    co_await cache->Close();
    co_return 0;
  }
  std::optional<Node> Lookup(const std::string& name) {
    const auto result = loop.Block(dataset->Lookup(kRootIno, name));
    return result.ok() ? result->node : std::nullopt;
  }
  std::vector<std::string> Names(int64_t since_ns = 0) {
    std::vector<std::string> names;
    EXPECT_TRUE(loop.Block(dataset->ListAll(kRootIno, since_ns)).ok());
    for (const Node& node : dataset->catalog().Children(kRootIno, 0, 1000)) names.push_back(node.entry.name);
    return names;
  }

  TempDir directory;
  TurnedClock clock;
  io::Loop loop{true, clock};
  io::BlockingPool pool{loop, 1};
  std::unique_ptr<io::FileIo> io = io::Ring::Probe().ok() ? io::MakeUringFileIo(loop) : io::MakeThreadFileIo(pool);
  Registry metrics;
  ReadLimits limits{loop, nullptr};
  std::unique_ptr<Cache> cache;
  FakeSource* source = nullptr;
  std::unique_ptr<Dataset> dataset;
};

TEST_F(DatasetTest, ImmutableAsksOnce) {
  Open(Consistency::kImmutable);
  source->files = {{"a", "1"}, {"b", "2"}};
  EXPECT_THAT(Names(), testing::ElementsAre("a", "b"));
  source->files["c"] = "3";
  clock.ahead = 24h;
  EXPECT_THAT(Names(), testing::ElementsAre("a", "b"));
  EXPECT_EQ(source->lists, 1u);
  EXPECT_FALSE(Lookup("c"));
  EXPECT_EQ(source->stats, 0u) << "a listed directory knows what it has not";
}

TEST_F(DatasetTest, WhatIsListedSinceATimeIsAskedForOnce) {
  for (const Consistency consistency : {Consistency::kEventual, Consistency::kStrong}) {
    Open(consistency);
    source->files = {{"a", "1"}};
    EXPECT_THAT(Names(), testing::ElementsAre("a"));
    source->files["b"] = "2";
    clock.ahead += 1s;
    const int64_t now_ns = dataset->NowNs();
    EXPECT_THAT(Names(now_ns), testing::ElementsAre("a", "b"));
    clock.ahead += 61s;
    EXPECT_THAT(Names(now_ns), testing::ElementsAre("a", "b"));
    EXPECT_EQ(source->lists, 2u);
  }
  Open(Consistency::kImmutable);
  source->files = {{"a", "1"}};
  EXPECT_THAT(Names(), testing::ElementsAre("a"));
  source->files["b"] = "2";
  EXPECT_THAT(Names(dataset->NowNs()), testing::ElementsAre("a")) << "that is what immutable means";
}

TEST_F(DatasetTest, AListingThatBeganEarlierIsNotEnough) {
  Open(Consistency::kEventual);
  source->files = {{"a", "1"}, {"b", "2"}};
  loop.Post([&] { dataset->StartListingAhead(kRootIno, SIZE_MAX); });
  loop.Block(Pause());
  ASSERT_EQ(source->lists, 1u);
  source->files["aa"] = "3";
  clock.ahead += 1s;
  EXPECT_THAT(Names(dataset->NowNs()), testing::UnorderedElementsAre("a", "aa", "b"));
  EXPECT_EQ(source->lists, 2u);
}

TEST_F(DatasetTest, EventualAsksAgainWhenTheClockWasTurnedBack) {
  Open(Consistency::kEventual);
  source->files = {{"a", "1"}};
  EXPECT_THAT(Names(), testing::ElementsAre("a"));
  source->files["b"] = "2";
  clock.ahead = -24h;
  EXPECT_THAT(Names(), testing::ElementsAre("a", "b")) << "what was heard a day from now is of unknown age";
  source->files["c"] = "3";
  EXPECT_THAT(Names(), testing::ElementsAre("a", "b")) << "the new answer is as good as any";
}

TEST_F(DatasetTest, EventualAsksAgainAfterTheTtl) {
  Open(Consistency::kEventual);
  source->files = {{"a", "1"}};
  const auto before = Lookup("a");
  source->files["a"] = "22";
  EXPECT_EQ(Lookup("a")->ino, before->ino);
  clock.ahead = 61s;
  const auto after = Lookup("a");
  EXPECT_NE(after->ino, before->ino);
  EXPECT_EQ(after->entry.size_bytes, 2u);
}

TEST_F(DatasetTest, StrongAsksEveryTime) {
  Open(Consistency::kStrong);
  source->files = {{"a", "1"}};
  const auto node = Lookup("a");
  ASSERT_TRUE(node);
  EXPECT_TRUE(loop.Block(dataset->Confirm(node->ino)).ok());
  source->files["a"] = "2";
  EXPECT_TRUE(Fails(loop.Block(dataset->Confirm(node->ino)), StatusCode::kAborted, "replaced"));
  source->files.erase("a");
  EXPECT_FALSE(Lookup("a"));
}

TEST_F(DatasetTest, ConsistencyChangesForWhatIsKnownToo) {
  Open(Consistency::kImmutable);
  source->files = {{"a", "1"}};
  EXPECT_EQ(Names(), (std::vector<std::string>{"a"}));
  source->files = {{"b", "1"}};
  EXPECT_EQ(Names(), (std::vector<std::string>{"a"}));
  dataset->SetConsistency(Consistency::kStrong, 0s);
  EXPECT_EQ(Names(), (std::vector<std::string>{"b"}));
  EXPECT_TRUE(dataset->must_confirm());
  dataset->SetConsistency(Consistency::kEventual, 7s);
  EXPECT_EQ(dataset->valid_for(), Duration(7s));
}

TEST_F(DatasetTest, ForgottenNamesAreAskedForAnewAndOpenFilesStay) {
  Open(Consistency::kImmutable);
  source->files = {{"a", "1"}, {"d/b", "2"}};
  const auto before = Lookup("a");
  ASSERT_OK(dataset->ObjectOf(before->ino).status());
  EXPECT_EQ(Names().size(), 2u);
  dataset->ForgetNames();
  EXPECT_FALSE(dataset->TryLookup(kRootIno, "a").has_value());
  EXPECT_FALSE(dataset->TryChildren(kRootIno, 0, 10).has_value());
  source->files = {{"a", "another"}};
  EXPECT_EQ(Names(), (std::vector<std::string>{"a"}));
  EXPECT_NE(Lookup("a")->ino, before->ino);
  EXPECT_EQ(dataset->Get(before->ino)->entry.size_bytes, 1u);
  EXPECT_EQ(dataset->catalog().totals().files, 1u);
}

TEST_F(DatasetTest, AListingUnderWayBeginsAnewWhenNamesAreForgotten) {
  Open(Consistency::kImmutable);
  for (int i = 0; i < 20; ++i) source->files["old" + std::to_string(100 + i)] = "x";
  loop.Post([this] {
    loop.After(1us, [this] {
      source->files = {{"new", "1"}};
      dataset->ForgetNames();
    });
  });
  EXPECT_EQ(Names(), (std::vector<std::string>{"new"}));
  EXPECT_GT(source->lists, 1u);
}

TEST_F(DatasetTest, AListingThatBreaksOffLeavesWhatWasThere) {
  Open(Consistency::kEventual);
  source->files = {{"a", "1"}, {"b", "2"}};
  EXPECT_EQ(Names().size(), 2u);
  clock.ahead = 61s;
  source->list_failures = {Unavailable("down")};
  EXPECT_TRUE(Fails(loop.Block(dataset->ListAll(kRootIno)), StatusCode::kUnavailable, "down"));
  EXPECT_EQ(dataset->catalog().Children(kRootIno, 0, 10).size(), 2u);
  source->files.erase("b");
  EXPECT_THAT(Names(), testing::ElementsAre("a"));
}

TEST_F(DatasetTest, ResumeKeepsNumbersAndListings) {
  Open(Consistency::kImmutable);
  source->files = {{"d/x", "1"}, {"f", "2"}};
  Names();
  const Ino ino = Lookup("f")->ino;
  Open(Consistency::kImmutable, /*resume=*/true);
  EXPECT_EQ(Lookup("f")->ino, ino);
  EXPECT_THAT(Names(), testing::ElementsAre("d", "f"));
  EXPECT_EQ(source->lists + source->stats, 0u);
}

TEST_F(DatasetTest, AWalkIsListedAhead) {
  Open(Consistency::kImmutable);
  for (int i = 0; i < 40; ++i) source->files[fmt::format("d{:02}/f", i)] = "x";
  source->entries_per_page = 100;
  EXPECT_EQ(Names().size(), 40u);
  const std::vector<Node> directories = dataset->catalog().Children(kRootIno, 0, 100);
  dataset->OnReader(kRootIno);
  for (size_t i = 0; i < 10; ++i) {
    dataset->OnReader(directories[i].ino);
    loop.Block(Pause());
  }
  // The root; 16 and the two of the first step before them, as the ninth directory onwards shows no more than 16 ahead.
  EXPECT_EQ(source->lists, 1u + 9 + ListAhead::kMax);
  EXPECT_LE(source->lists_running_max, ListAhead::kMax);
  EXPECT_NE(dataset->catalog().listed_ns(directories[25].ino), 0);
  EXPECT_EQ(dataset->catalog().listed_ns(directories[26].ino), 0) << "no further than the reader has shown to go";
}

TEST_F(DatasetTest, OnlySoManyListingsAheadAreUnderWay) {
  Open(Consistency::kImmutable);
  for (int i = 0; i < 40; ++i) source->files[fmt::format("d{:02}/f", i)] = "x";
  source->entries_per_page = 100;
  Names();
  size_t started = 0;
  for (const Node& node : dataset->catalog().Children(kRootIno, 0, 100)) {
    if (dataset->StartListingAhead(node.ino, 1)) ++started;
  }
  EXPECT_EQ(started, ListAhead::kMax);
  loop.Block(Pause());
  EXPECT_EQ(source->lists_running_max, ListAhead::kMax);
}

TEST_F(DatasetTest, AListingAheadThatNobodyComesForIsCutShort) {
  Open(Consistency::kImmutable);
  for (int i = 0; i < 30; ++i) source->files[fmt::format("d/f{:02}", i)] = "x";
  Names();
  const Ino ino = Lookup("d")->ino;
  source->lists = 0;
  EXPECT_TRUE(dataset->StartListingAhead(ino, 2));
  loop.Block(Pause());
  EXPECT_EQ(source->lists, 2u);
  EXPECT_EQ(dataset->catalog().listed_ns(ino), 0);
  // Somebody comes while it is under way: it goes on to its end.
  EXPECT_TRUE(dataset->StartListingAhead(ino, 2));
  EXPECT_TRUE(loop.Block(dataset->ListAll(ino)).ok());
  EXPECT_EQ(source->lists, 2u + 10);
  EXPECT_EQ(dataset->catalog().Children(ino, 0, 100).size(), 30u);
}

TEST_F(DatasetTest, NothingIsListedAheadThatWouldBeListedAgain) {
  Open(Consistency::kStrong);
  source->files = {{"d/f", "1"}};
  const Ino ino = Lookup("d")->ino;
  EXPECT_TRUE(dataset->StartListingAhead(ino, 2));
  loop.Block(Pause());
  EXPECT_EQ(source->lists, 0u);
}

TEST_F(DatasetTest, LimitsKeepReadsOffTheFastPath) {
  Open(Consistency::kImmutable);
  source->files = {{"f", "text"}};
  const Ino ino = Lookup("f")->ino;
  AlignedBuffer buffer(4096);
  EXPECT_EQ(*loop.Block(dataset->Read(ino, 0, buffer.span())), 4u);
  // The block is written behind the read.
  for (int i = 0; i < 100 && !dataset->TryRead(ino, 0, buffer.span()); ++i) loop.Block(Pause());
  EXPECT_EQ(dataset->TryRead(ino, 0, buffer.span()), 4u);
  limits.Set(1000, 0);
  EXPECT_FALSE(dataset->TryRead(ino, 0, buffer.span()));
  limits.Set(0, 0);
  EXPECT_TRUE(dataset->TryRead(ino, 0, buffer.span()));
}

TEST_F(DatasetTest, ARemovedObjectIsStaleToWhoeverHasItOpen) {
  Open(Consistency::kImmutable);
  source->files = {{"f", "text"}};
  const Ino ino = Lookup("f")->ino;
  source->files.clear();
  AlignedBuffer buffer(4096);
  EXPECT_TRUE(Fails(loop.Block(dataset->Read(ino, 0, buffer.span())).status(), StatusCode::kAborted, "f"));
}

TEST_F(DatasetTest, AnObjectOfMoreBlocksThanCanBeCountedIsNotOpened) {
  Open(Consistency::kImmutable);
  for (const uint64_t size_bytes : {UINT64_MAX, uint64_t{1} << 48, kBlocksMax * 64 * kKiB}) {
    source::Entry entry;
    entry.name = "huge";
    entry.size_bytes = size_bytes;
    ASSERT_OK_AND_ASSIGN(const Node node, dataset->catalog().Put(kRootIno, entry, 1));
    EXPECT_TRUE(Fails(dataset->ObjectOf(node.ino).status(), StatusCode::kDataLoss, "blocks of 64.0 KiB"));
  }
}

TEST_F(DatasetTest, ItsLimitsHoldAsLongAsItIsMounted) {
  Open(Consistency::kImmutable);
  source->files = {{"a", std::string(10 * 64 * 1024, 'a')}};
  const Account::Part& part = dataset->account().in(static_cast<uint8_t>(Medium::kSsd));
  CacheLimits limits_of_five;
  limits_of_five.media[static_cast<size_t>(Medium::kSsd)] = {5 * 64 * 1024, {}, {}};
  dataset->SetCacheLimits(limits_of_five);
  EXPECT_EQ(dataset->cache_limits(), limits_of_five);
  EXPECT_EQ(part.quota_bytes(), 5u * 64 * 1024);
  dataset->SetCacheLimits(std::nullopt);
  EXPECT_FALSE(part.limit());
  dataset->SetCacheLimits(limits_of_five);
  dataset->EndCacheLimits();
  EXPECT_TRUE(part.limit()) << "what is cached stays, and so does its limit";
}

TEST_F(DatasetTest, CountsWhatCameFromTheCacheAndWhatFromTheSource) {
  Open(Consistency::kImmutable);
  source->files = {{"a", std::string(1000, 'a')}};
  const auto ino = Lookup("a")->ino;
  const AlignedBuffer buffer(4096);
  ASSERT_EQ(*loop.Block(dataset->Read(ino, 0, buffer.span())), 1000u);
  EXPECT_EQ(dataset->miss_bytes(), 1000u);
  EXPECT_EQ(dataset->hit_bytes(), 0u);
  // Space is counted before the block is there.
  for (int turn = 0; turn < 1000 && (*dataset->ObjectOf(ino))->cached_blocks() == 0; ++turn) loop.Block(Pause());
  ASSERT_EQ(*loop.Block(dataset->Read(ino, 400, buffer.span())), 600u);
  EXPECT_EQ(dataset->miss_bytes(), 1000u);
  EXPECT_EQ(dataset->hit_bytes(), 600u);
}

}  // namespace
}  // namespace sluice::cache

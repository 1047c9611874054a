#include "cache/published_trees.h"

#include "tests/support/tree_fixture.h"

namespace sluice::cache {
namespace {

using PublishedTreesTest = TreeTest;

TEST_F(PublishedTreesTest, ATreeOfFilesThatWereJustWrittenNeedsNoProof) {
  ASSERT_OK(FillAndBuild());
  EXPECT_TRUE(trees->Find(name)->proven);
  ASSERT_OK(Lease());
  EXPECT_TRUE(trees->Find(name)->leased);
  EXPECT_EQ(BytesOf(TreeFileOf("d/b")), source.files["d/b"]);
  trees->Release(name);
}

TEST_F(PublishedTreesTest, WhatIsLargerThanItsLimitsIsNotPublished) {
  std::vector<std::shared_ptr<Object>> pinned;
  for (const char* path : {"a", "d/b"}) {
    pinned.push_back(Acquire(path));
    cache->store().SetPinned(pinned.back(), true);
    ASSERT_OK(loop.Block(WarmTask(*cache, shared_source, pinned.back())).status());
  }
  CacheLimits two_blocks;
  two_blocks.media[static_cast<size_t>(Medium::kSsd)] = {2 * kBlock, {}, {}};
  dataset->SetCacheLimits(two_blocks);
  EXPECT_TRUE(
      Fails(FillAndBuild(), StatusCode::kFailedPrecondition, "leaves it less of each tier than its files take"));
  const auto build = [&](std::optional<uint8_t> medium) -> io::Task<Status> {
    co_return co_await trees->Build(*dataset, {.name = name, .medium = medium});
  };
  EXPECT_TRUE(Fails(loop.Block(build(1)), StatusCode::kFailedPrecondition, "122 KiB of the ssd tier"));
  dataset->SetCacheLimits(std::nullopt);
  ASSERT_OK(loop.Block(build(1)));
  for (const auto& object : pinned) {
    cache->store().SetPinned(object, false);
    cache->store().Release(object);
  }
}

TEST_F(PublishedTreesTest, ATreeThatWasFoundWaitsForItsProof) {
  ASSERT_OK(FillAndBuild());
  StartAgain();
  EXPECT_TRUE(Fails(Lease(), StatusCode::kFailedPrecondition, "0 of 2 files are proven again"));
  EXPECT_FALSE(trees->Find(name)->leased);
  const auto b = Acquire("d/b");
  EXPECT_EQ(loop.Block(cache->store().Verify(b)), 0u);
  cache->store().Release(b);
  EXPECT_TRUE(Fails(Lease(), StatusCode::kFailedPrecondition, "1 of 2 files"));
  const auto a = Acquire("a");
  EXPECT_EQ(loop.Block(cache->store().Verify(a)), 0u);
  cache->store().Release(a);
  ASSERT_OK(Lease());
}

TEST_F(PublishedTreesTest, WhatSomebodyElseChangedIsNotLeased) {
  ASSERT_OK(FillAndBuild());
  StartAgain();
  for (const char* path : {"a", "d/b"}) {
    const auto object = Acquire(path);
    EXPECT_EQ(loop.Block(cache->store().Verify(object)), 0u);
    cache->store().Release(object);
  }
  ASSERT_OK(Lease());
  trees->Release(name);
  // Written to, with what it has: it is the time that tells.
  const UniqueFd file(::open(CacheFileOf("a").c_str(), O_RDWR));
  ASSERT_EQ(::pwrite(file.get(), source.files["a"].data(), 1, 0), 1);
  EXPECT_TRUE(Fails(Lease(), StatusCode::kFailedPrecondition, "1 of 2 files"));
  EXPECT_EQ(cache->store().tier(1)->changed_files.value(), 1u);
}

// Bits flip while no process runs: the bad block is dropped, and comes back into the file that the tree links.
TEST_F(PublishedTreesTest, ABadBlockIsMendedInPlace) {
  ASSERT_OK(FillAndBuild());
  const int64_t modified_ns = ModifiedNsOf(TreeFileOf("d/b"));
  Flip(CacheFileOf("d/b"), 50);
  StartAgain();
  const auto b = Acquire("d/b");
  cache->store().Release(b);  // its last block goes: it is the tree that keeps it
  EXPECT_EQ(loop.Block(cache->store().Verify(b)), 1u);
  EXPECT_EQ(cache->store().Find(b->id), b);
  ASSERT_OK(loop.Block(cache->Warm(b, dataset->source(), 0, 1, {})).status());
  EXPECT_EQ(BytesOf(TreeFileOf("d/b")), source.files["d/b"]);
  EXPECT_EQ(ModifiedNsOf(TreeFileOf("d/b")), modified_ns);
  EXPECT_EQ(Unproven(), 1u) << "the other one";
}

TEST_F(PublishedTreesTest, ATreeWhoseFilesTheCacheDoesNotKnowIsMadeAnew) {
  ASSERT_OK(FillAndBuild());
  const std::string file = CacheFileOf("d/b");
  const std::string link = TreeFileOf("d/b");
  Stop();
  Flip(file, 1);
  std::filesystem::remove(file);
  Start();
  ASSERT_OK(FillAndBuild());
  ASSERT_OK(Lease());
  EXPECT_EQ(BytesOf(link), source.files["d/b"]);
}

}  // namespace
}  // namespace sluice::cache

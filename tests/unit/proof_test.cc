#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/cache_fixture.h"

namespace sluice::cache {
namespace {

// One object of four blocks in the tier, read once: its blocks are proven.
class ProofTest : public CacheTest {
 protected:
  void SetUp() override {
    Open();
    source.files["f"] = RandomText(4 * kBlock, 31);
    object = Acquire("f");
    ASSERT_OK(Read(object, 0, 4 * kBlock).status());
    ASSERT_TRUE(object->WholeIn());
  }
  void TearDown() override {
    cache->store().Release(object);
    CacheTest::TearDown();
  }
  // Flips a bit of the cache file. `hidden`: as a medium does it, which leaves no trace in the file's times and is not
  // seen until the bytes are read from the medium again.
  void Flip(uint64_t offset, bool hidden = false) {
    const UniqueFd file(::open(CacheFiles().at(0).c_str(), O_RDWR));
    struct stat before{};
    ASSERT_EQ(::fstat(file.get(), &before), 0);
    char byte = 0;
    ASSERT_EQ(::pread(file.get(), &byte, 1, static_cast<off_t>(offset)), 1);
    byte = static_cast<char>(byte ^ 4);
    ASSERT_EQ(::pwrite(file.get(), &byte, 1, static_cast<off_t>(offset)), 1);
    if (!hidden) return;
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::futimens(file.get(), times), 0);
    ASSERT_EQ(::fsync(file.get()), 0);
    ASSERT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  }
  std::optional<size_t> TryRead(const std::shared_ptr<Object>& of, uint64_t offset) {
    AlignedBuffer buffer(4096);
    return cache->TryRead(of, shared_source, offset, buffer.span());
  }
  Tier& tier() { return *cache->store().tier(1); }

  std::shared_ptr<Object> object;
};

TEST_F(ProofTest, WhatSomebodyElseChangedIsNotReadAsItIs) {
  ASSERT_TRUE(TryRead(object, 0));
  Flip(2 * kBlock + 100);
  EXPECT_FALSE(TryRead(object, 0)) << "of a file that cannot be trusted any more";
  EXPECT_EQ(*Read(object, 2 * kBlock, kBlock), source.files["f"].substr(2 * kBlock, kBlock));
  EXPECT_EQ(tier().changed_files.value(), 1u);
  EXPECT_EQ(tier().bad_blocks.value(), 1u);
  EXPECT_EQ(source.bytes_read, 5u * kBlock);
}

TEST_F(ProofTest, TheOtherBlocksOfAChangedFileAreProvenAnew) {
  Flip(2 * kBlock);
  ASSERT_OK(Read(object, 0, 4 * kBlock).status());
  ASSERT_OK(Read(object, 0, 4 * kBlock).status());
  EXPECT_TRUE(object->WholeIn());
  EXPECT_TRUE(TryRead(object, 0));
  EXPECT_EQ(source.bytes_read, 5u * kBlock);
  EXPECT_EQ(tier().changed_files.value(), 1u);
}

TEST_F(ProofTest, AWriteOfTheCacheDoesNotHideAChange) {
  source.files["g"] = RandomText(4 * kBlock, 32);
  const auto half = Acquire("g");
  ASSERT_OK(Read(half, 0, kBlock).status());
  cache->store().Release(object);
  loop.Block([](BlockStore& store, std::shared_ptr<Object> gone) -> io::Task<int> {
    co_await store.Evict(gone);
    co_return 0;
  }(cache->store(), object));
  ASSERT_EQ(CacheFiles().size(), 1u);
  Flip(7);
  ASSERT_OK(Read(half, kBlock, kBlock).status());
  EXPECT_FALSE(TryRead(half, 0));
  EXPECT_EQ(*Read(half, 0, kBlock), source.files["g"].substr(0, kBlock));
  EXPECT_EQ(tier().bad_blocks.value(), 1u);
  cache->store().Release(half);
  object = Acquire("f");
}

TEST_F(ProofTest, WhatTheCacheDoesToAFileItselfIsNoChange) {
  cache->store().Release(object);
  source.files["g"] = RandomText(8 * kBlock, 33);
  object = Acquire("g");
  for (uint64_t at = 0; at < 8 * kBlock; at += kBlock) ASSERT_OK(Read(object, at, kBlock).status());
  (void)loop.Block([](BlockStore& store, std::shared_ptr<Object> all) -> io::Task<uint32_t> {
    co_return co_await store.Verify(all);
  }(cache->store(), object));
  for (uint64_t at = 0; at < 8 * kBlock; at += kBlock) EXPECT_TRUE(TryRead(object, at));
  EXPECT_EQ(tier().changed_files.value(), 0u);
}

TEST_F(ProofTest, WhatComesFromTheMediumIsProvenEachTime) {
  Flip(kBlock + 5, /*hidden=*/true);
  EXPECT_EQ(*Read(object, kBlock, kBlock), source.files["f"].substr(kBlock, kBlock));
  EXPECT_EQ(tier().changed_files.value(), 0u) << "it was to be hidden";
  EXPECT_EQ(tier().bad_blocks.value(), 1u);
}

TEST_F(ProofTest, ACheckReadsTheMedium) {
  Flip(3 * kBlock + 9, /*hidden=*/true);
  const auto check = [](BlockStore& store, std::shared_ptr<Object> one, uint32_t block) -> io::Task<bool> {
    co_return co_await store.Check(one, block);
  };
  EXPECT_TRUE(loop.Block(check(cache->store(), object, 2)));
  EXPECT_FALSE(loop.Block(check(cache->store(), object, 3)));
  EXPECT_TRUE(loop.Block(check(cache->store(), object, 3))) << "it is not there any more";
  EXPECT_EQ(object->cached_blocks(), 3u);
  EXPECT_EQ(tier().bad_blocks.value(), 1u);
}

TEST_F(CacheTest, HitsInATmpfsAreAnsweredAtOnce) {
  CloseCache();
  const TempDir tmpfs("/dev/shm");
  OpenTiers({{.medium = Medium::kDram, .path = tmpfs.path(), .quota_bytes = 64 * kBlock}});
  source.files["f"] = RandomText(2 * kBlock, 34);
  const auto object = Acquire("f");
  ASSERT_OK(Read(object, 0, 2 * kBlock).status());
  AlignedBuffer buffer(4096);
  EXPECT_TRUE(cache->TryRead(object, shared_source, kBlock, buffer.span()));
  cache->store().Release(object);
  CloseCache();
  cache.reset();
}

}  // namespace
}  // namespace sluice::cache

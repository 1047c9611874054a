#include <algorithm>
#include <cerrno>
#include <numeric>

#include "tests/support/cache_fixture.h"

namespace sluice::cache {
namespace {

// Shuffled epochs over twice the tier, until it keeps.
class KeepingCacheTest : public CacheTest {
 protected:
  static constexpr uint32_t kTierBlocks = 40;

  void SetUp() override {
    fill_memory_bytes = 4 * kBlock;  // refused blocks are not answered from the buffers of their fetches
    Open(kTierBlocks * kBlock);
    source.files["dataset"] = RandomText(2 * kTierBlocks * kBlock, 21);
    object = Acquire("dataset");
    for (int i = 0; i < 6; ++i) Epoch();
  }
  void TearDown() override {
    cache->store().Release(object);
    CacheTest::TearDown();
  }
  // The share of blocks that were hits.
  double Epoch() {
    std::vector<uint32_t> order(2 * kTierBlocks);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    const uint64_t before = tier().hits.value();
    for (const uint32_t block : order) EXPECT_TRUE(loop.Block(ReadTask(object, block * kBlock, kBlock)).ok());
    Settle();
    return static_cast<double>(tier().hits.value() - before) / (2 * kTierBlocks);
  }
  Tier& tier() { return *cache->store().tier(1); }

  std::mt19937 random{22};
  std::shared_ptr<Object> object;
};

TEST_F(KeepingCacheTest, TheWatermarksTakeNothingOfTheKeptShare) {
  ASSERT_TRUE(tier().policy().Keeps());
  const uint64_t evictions = tier().evictions.value();
  for (int i = 0; i < 4; ++i) EXPECT_GE(Epoch(), 0.48);
  EXPECT_LE(tier().evictions.value(), evictions + 2) << "a block that is read again at once may come in";
  EXPECT_GT(tier().refused_blocks.value(), 3 * kTierBlocks);
  EXPECT_GE(tier().used_bytes(), (kTierBlocks - 1) * kBlock);
}

TEST_F(KeepingCacheTest, APrewarmIsNotRefused) {
  ASSERT_TRUE(tier().policy().Keeps());
  source.files["f"] = RandomText(4 * kBlock, 23);
  const auto warmed = Acquire("f");
  ASSERT_OK(loop.Block(WarmTask(*cache, shared_source, warmed)).status());
  EXPECT_EQ(warmed->cached_blocks(), 4u);
}

TEST_F(KeepingCacheTest, AQuotaThatWasLoweredIsKeptTo) {
  ASSERT_TRUE(tier().policy().Keeps());
  source.files["f"] = RandomText(kBlock, 24);
  io->faults[io::FileRequest::Kind::kWrite] = ENOSPC;
  (void)loop.Block(WarmTask(*cache, shared_source, Acquire("f")));
  Settle();
  EXPECT_LT(tier().quota_bytes(), kTierBlocks * kBlock);
  // Eviction may go on behind the fill, on a slow machine for longer than one Settle.
  for (int turn = 0; turn < 100 && tier().used_bytes() > tier().quota_bytes(); ++turn) Settle();
  EXPECT_LE(tier().used_bytes(), tier().quota_bytes());
}

// Files over twice the tier, each read from its start to its end, half a block at a time, by one of several readers who
// take turns.
class TurnsCacheTest : public CacheTest {
 protected:
  static constexpr uint32_t kSmallBlock = 4096;
  static constexpr uint32_t kTierBlocks = 8192;
  static constexpr uint32_t kFileBlocks = 64;
  static constexpr size_t kFiles = 256;

  void SetUp() override {
    fill_memory_bytes = 64 * kSmallBlock;
    fetch_bytes_max = 2 * kSmallBlock;
    read_ahead_max_bytes = 8 * kSmallBlock;
    Open(kTierBlocks * kSmallBlock);
    for (uint32_t i = 0; i < kFiles; ++i) files.push_back(AcquireFile("f" + std::to_string(i)));
    for (int i = 0; i < 5; ++i) Epoch(1);
  }
  void TearDown() override {
    for (const auto& file : files) cache->store().Release(file);
    CacheTest::TearDown();
  }
  std::shared_ptr<Object> AcquireFile(const std::string& path) {
    const std::string& text = source.files[path] = RandomText(kFileBlocks * kSmallBlock, 25);
    return cache->store().Acquire({"dataset", path, FakeSource::VersionOf(text), text.size(), kSmallBlock});
  }
  // The share of the data that came from the source.
  double Epoch(size_t readers) {
    std::shuffle(files.begin(), files.end(), random);
    const uint64_t before = source.bytes_read;
    constexpr uint32_t kHalf = kSmallBlock / 2;
    for (size_t first = 0; first < kFiles; first += readers) {
      for (uint64_t at = 0; at < kFileBlocks * kSmallBlock; at += kHalf) {
        for (size_t i = first; i < first + readers; ++i) {
          EXPECT_TRUE(loop.Block(ReadTask(files[i], at, kHalf)).ok());
        }
      }
    }
    Settle();
    return static_cast<double>(source.bytes_read - before) / (kFiles * kFileBlocks * kSmallBlock);
  }

  std::mt19937 random{26};
  std::vector<std::shared_ptr<Object>> files;
};

TEST_F(TurnsCacheTest, WhatIsRefusedWaitsForItsReader) {
  double share = 1;
  // One epoch may be one that tries whether to go on keeping.
  for (int i = 0; i < 3; ++i) share = std::min(share, Epoch(4));
  EXPECT_LT(share, 0.65) << "half of it is kept, the other half is fetched once";
}

}  // namespace
}  // namespace sluice::cache

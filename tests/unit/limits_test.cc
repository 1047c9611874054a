// Volumes' limits within a tier: what a limited dataset takes, and what that does to others.
#include <sys/stat.h>

#include <algorithm>

#include "tests/support/cache_fixture.h"

namespace sluice::cache {
namespace {

constexpr uint8_t kDram = static_cast<uint8_t>(Medium::kDram);
constexpr uint8_t kSsd = static_cast<uint8_t>(Medium::kSsd);

CacheLimit Blocks(uint64_t count) { return {count * kBlock, {}, {}}; }
CacheLimits OnSsd(const CacheLimit& limit) {
  CacheLimits limits;
  limits.media[kSsd] = limit;
  return limits;
}

// "limited" and "other" are datasets of one file each; the SSD tier has 64 blocks.
class LimitsTest : public CacheTest {
 protected:
  static constexpr uint32_t kFileBlocks = 40;

  void SetUp() override {
    fill_memory_bytes = 8 * kBlock;
    fetch_bytes_max = kBlock;
    source.files["file"] = RandomText(kFileBlocks * kBlock, 31);
    Begin();
  }
  void Begin() {
    Open(64 * kBlock);
    AcquireBoth();
  }
  void BeginWithTwoTiers() {
    End();
    OpenTwoTiers();
    AcquireBoth();
  }
  void AcquireBoth() {
    limited = Acquire("file", "limited");
    other = Acquire("file", "other");
    account = cache->store().AccountOf("limited");
  }
  void End() {
    cache->store().Release(limited);
    cache->store().Release(other);
    limited.reset();
    other.reset();
    account.reset();
  }
  void TearDown() override {
    End();
    CacheTest::TearDown();
  }

  void Limit(const std::optional<CacheLimits>& limits, const std::string& volume = "volume") {
    cache->store().SetLimits(account, volume, limits);
    SettleEviction();
  }
  // It goes on behind whoever began it, on a slow machine for longer than one Settle.
  void SettleEviction() {
    const auto is_busy = [&](const auto& tier) {
      const Account::Part& part = account->in(tier->index());
      return tier->evicting || part.evicting || part.used_bytes() > part.quota_bytes();
    };
    for (int turn = 0; turn < 100; ++turn) {
      Settle();
      if (std::ranges::none_of(cache->store().tiers(), is_busy)) break;
    }
  }
  // Reads blocks, and looks at the quota after each.
  void ReadBlocks(const std::shared_ptr<Object>& object, uint32_t first, uint32_t count) {
    for (uint32_t block = first; block < first + count; ++block) {
      const auto text = loop.Block(ReadTask(object, uint64_t{block} * kBlock, kBlock));
      ASSERT_OK(text.status());
      EXPECT_EQ(*text, source.files["file"].substr(block * kBlock, kBlock));
      ExpectWithinLimits();
    }
    SettleEviction();
    ExpectWithinLimits();
  }
  void ExpectWithinLimits() const {
    for (const auto& tier : cache->store().tiers()) {
      const Account::Part& part = account->in(tier->index());
      EXPECT_LE(part.used_bytes(), part.quota_bytes()) << tier->name();
    }
  }
  uint64_t BlocksOf(const std::shared_ptr<Object>& object, uint8_t medium = kSsd) const {
    return object->account->in(medium).used_bytes() / kBlock;
  }
  uint64_t BlocksOnDisk(const std::shared_ptr<Object>& object) const {
    struct stat st{};
    if (::stat((directory / ("ssd/objects/" + Tier::FileName(object->id))).c_str(), &st) != 0) return 0;
    return static_cast<uint64_t>(st.st_blocks) * 512 / kBlock;
  }

  std::shared_ptr<Object> limited;
  std::shared_ptr<Object> other;
  std::shared_ptr<Account> account;
};

TEST_F(LimitsTest, ALimitedDatasetGivesUpItsOwnBlocksAndNobodyElses) {
  Limit(OnSsd(Blocks(10)));
  ReadBlocks(other, 0, 20);
  for (int i = 0; i < 3; ++i) ReadBlocks(limited, 0, kFileBlocks);
  EXPECT_GE(BlocksOf(limited), 8u);
  EXPECT_EQ(BlocksOnDisk(limited), BlocksOf(limited));
  EXPECT_EQ(other->cached_blocks(), 20u);
}

TEST_F(LimitsTest, WithoutLimitsADatasetHasWhatTheTierHas) {
  ReadBlocks(limited, 0, kFileBlocks);
  EXPECT_EQ(limited->cached_blocks(), kFileBlocks);
  EXPECT_EQ(BlocksOf(limited), kFileBlocks);
  EXPECT_FALSE(account->in(kSsd).limit());
  EXPECT_FALSE(account->in(kSsd).has_policy());
}

TEST_F(LimitsTest, WatermarksAreTheVolumesOwn) {
  Limit(OnSsd({16 * kBlock, 0.5, 0.25}));
  ReadBlocks(limited, 0, 8);
  EXPECT_EQ(BlocksOf(limited), 8u);
  ReadBlocks(limited, 8, 1);
  EXPECT_EQ(BlocksOf(limited), 4u);
}

TEST_F(LimitsTest, AFullTierTakesFromAll) {
  Limit(OnSsd(Blocks(40)));
  ReadBlocks(limited, 0, kFileBlocks);
  const uint64_t before = limited->cached_blocks();
  ReadBlocks(other, 0, kFileBlocks);
  EXPECT_LE(cache->store().tier(kSsd)->used_bytes(), 64 * kBlock);
  EXPECT_LT(limited->cached_blocks(), before);
  EXPECT_EQ(BlocksOf(limited), limited->cached_blocks());
}

TEST_F(LimitsTest, ALimitTakesEffectAtOnceOnWhatIsThere) {
  ReadBlocks(limited, 0, kFileBlocks);
  ReadBlocks(other, 0, 10);
  Limit(OnSsd(Blocks(12)));
  EXPECT_LE(BlocksOf(limited), 11u);
  EXPECT_GE(BlocksOf(limited), 10u);
  EXPECT_EQ(BlocksOnDisk(limited), BlocksOf(limited));
  EXPECT_EQ(other->cached_blocks(), 10u);
  Limit(std::nullopt);
  ReadBlocks(limited, 0, kFileBlocks);
  EXPECT_EQ(limited->cached_blocks(), kFileBlocks);
  Limit(OnSsd(Blocks(4)));
  EXPECT_LE(BlocksOf(limited), 4u);
}

TEST_F(LimitsTest, WhatIsPinnedStaysBeyondALoweredLimitAndNothingComesToIt) {
  ReadBlocks(limited, 0, 20);
  cache->store().SetPinned(limited, true);
  cache->store().SetLimits(account, "volume", OnSsd(Blocks(8)));
  Settle();
  EXPECT_EQ(BlocksOf(limited), 20u);
  ASSERT_OK(loop.Block(ReadTask(limited, 30 * kBlock, kBlock)).status());
  Settle();
  EXPECT_EQ(BlocksOf(limited), 20u);
  cache->store().SetPinned(limited, false);
  SettleEviction();
  EXPECT_LE(BlocksOf(limited), 8u);
}

TEST_F(LimitsTest, AMediumThatIsNotNamedIsNotUsed) {
  BeginWithTwoTiers();
  source.files["small"] = RandomText(kBlock, 32);
  const auto small = Acquire("small", "limited");
  const auto read_often = [&] {
    for (int i = 0; i < 10; ++i) ASSERT_OK(Read(small, 0, kBlock).status());
  };
  read_often();
  EXPECT_EQ(small->blocks_in(kDram), 1u) << "where it goes without limits";
  Limit(OnSsd(Blocks(10)));
  EXPECT_EQ(small->blocks_in(kDram), 0u);
  EXPECT_EQ(small->blocks_in(kSsd), 1u) << "it moves down";
  read_often();
  EXPECT_EQ(small->blocks_in(kDram), 0u);
  cache->store().Release(small);
}

TEST_F(LimitsTest, WhatMovesDownKeepsToTheLowerLimit) {
  BeginWithTwoTiers();
  CacheLimits limits = OnSsd(Blocks(6));
  limits.media[kDram] = Blocks(4);
  Limit(limits);
  std::vector<std::shared_ptr<Object>> files;
  for (uint32_t i = 0; i < 30; ++i) {
    const std::string path = "small" + std::to_string(i);
    source.files[path] = RandomText(kBlock, 40 + i);
    files.push_back(Acquire(path, "limited"));
    ASSERT_OK(Read(files.back(), 0, kBlock).status());
    ExpectWithinLimits();
  }
  EXPECT_GE(BlocksOf(limited, kDram), 3u);
  EXPECT_GE(BlocksOf(limited, kSsd), 5u);
  for (const auto& file : files) cache->store().Release(file);
}

TEST_F(LimitsTest, APrewarmKeepsToTheLimit) {
  Limit(OnSsd(Blocks(10)));
  ReadBlocks(other, 0, 20);
  ASSERT_OK(loop.Block(WarmTask(*cache, shared_source, limited)).status());
  ExpectWithinLimits();
  EXPECT_EQ(other->cached_blocks(), 20u);
}

TEST_F(LimitsTest, ADatasetWithoutAnyMediumIsReadAndNotCached) {
  Limit(CacheLimits{});
  EXPECT_FALSE(account->is_cached());
  ReadBlocks(limited, 0, kFileBlocks);
  EXPECT_EQ(limited->cached_blocks(), 0u);
  const Status warmed = loop.Block(WarmTask(*cache, shared_source, limited)).status();
  EXPECT_EQ(warmed.code(), StatusCode::kResourceExhausted);
}

TEST_F(LimitsTest, MoreThanTheTierHasIsWhatTheTierHas) {
  Limit(OnSsd(Blocks(1000)));
  ASSERT_TRUE(account->in(kSsd).limit());
  EXPECT_EQ(account->in(kSsd).limit()->quota_bytes, 64 * kBlock);
  ReadBlocks(limited, 0, kFileBlocks);
  EXPECT_EQ(limited->cached_blocks(), kFileBlocks);
}

TEST_F(LimitsTest, OfSeveralVolumesTheLargestLimitCounts) {
  Limit(OnSsd(Blocks(10)), "small");
  Limit(OnSsd(Blocks(20)), "large");
  EXPECT_EQ(account->in(kSsd).quota_bytes(), 20 * kBlock);
  Limit(std::nullopt, "unlimited");
  EXPECT_FALSE(account->in(kSsd).limit());
  cache->store().EndLimits(account, "unlimited");
  cache->store().EndLimits(account, "large");
  EXPECT_EQ(account->in(kSsd).quota_bytes(), 10 * kBlock);
  cache->store().EndLimits(account, "small");
  EXPECT_EQ(account->in(kSsd).quota_bytes(), 10 * kBlock) << "what is not mounted keeps its blocks and its limit";
}

TEST_F(LimitsTest, TheAccountSurvivesARestart) {
  ReadBlocks(limited, 0, 30);
  ReadBlocks(other, 0, 15);
  End();
  CloseCache();
  Begin();
  EXPECT_EQ(BlocksOf(limited), 30u);
  EXPECT_EQ(BlocksOf(other), 15u);
  Limit(OnSsd(Blocks(10)));
  EXPECT_LE(BlocksOf(limited), 10u);
  EXPECT_EQ(other->cached_blocks(), 15u);
  ReadBlocks(limited, 0, kFileBlocks);
}

TEST_F(LimitsTest, EpochsOverMoreThanTheLimitKeepTheShareThatFits) {
  Limit(OnSsd(Blocks(20)));
  for (int epoch = 0; epoch < 8; ++epoch) ReadBlocks(limited, 0, kFileBlocks);
  const uint64_t before = source.bytes_read;
  for (int epoch = 0; epoch < 4; ++epoch) ReadBlocks(limited, 0, kFileBlocks);
  EXPECT_LE(source.bytes_read - before, 4 * (kFileBlocks - 17) * kBlock);
}

// More blocks than are told to a policy at a time, of which only the last ones may go.
TEST_F(LimitsTest, ManyBlocksThatWereThereBefore) {
  constexpr uint32_t kSmallBlock = 4096;
  constexpr uint32_t kMany = 3 * Account::kAdoptedAtOnce;
  End();
  Open(2 * kMany * kSmallBlock);
  AcquireBoth();
  std::vector<std::shared_ptr<Object>> files;
  for (const char* const path : {"many-1", "many-2"}) {
    const std::string& text = source.files[path] = RandomText(kMany / 2 * kSmallBlock, 33);
    files.push_back(cache->store().Acquire({"limited", path, FakeSource::VersionOf(text), text.size(), kSmallBlock}));
    ASSERT_OK(loop.Block(WarmTask(*cache, shared_source, files.back())).status());
  }
  for (const auto& pinned : files) {
    cache->store().SetPinned(pinned, true);
    Limit(OnSsd({kMany / 2 * kSmallBlock, {}, {}}), "one");
    for (const auto& file : files) EXPECT_EQ(file->cached_blocks(), file == pinned ? kMany / 2 : 0);
    cache->store().SetPinned(pinned, false);
    cache->store().SetLimits(account, "one", std::nullopt);
    for (const auto& file : files) ASSERT_OK(loop.Block(WarmTask(*cache, shared_source, file)).status());
  }
  EXPECT_EQ(account->in(kSsd).policy().size(), kMany);
  for (const auto& file : files) cache->store().Release(file);
}

}  // namespace
}  // namespace sluice::cache

// A tier's quota and policy, and the cache's limits, while it is in use.
#include "tests/support/cache_fixture.h"

namespace sluice::cache {
namespace {

class TierChangesTest : public CacheTest {
 protected:
  // Files of four blocks each, cached.
  void Fill(size_t files) {
    for (size_t i = 0; i < files; ++i) {
      const std::string path = fmt::format("f{}", i);
      source.files[path] = RandomText(4 * kBlock, static_cast<uint32_t>(i));
      objects.push_back(Acquire(path));
      ASSERT_OK(loop.Block(WarmTask(*cache, shared_source, objects.back())).status());
    }
    Settle();
  }
  void TearDown() override {
    for (const auto& object : objects) cache->store().Release(object);
    CacheTest::TearDown();
  }
  Tier& tier() { return *cache->store().tier(1); }
  void Turns(int count) {
    for (int i = 0; i < count; ++i) loop.Block(Turn());
  }
  io::Task<void> ReadInto(std::shared_ptr<Object> object, std::vector<StatusOr<std::string>>* results) {
    results->push_back(co_await ReadTask(object, 0, kBlock));
  }
  io::Task<int> Turn() {
    co_await loop.Sleep(std::chrono::milliseconds(1));
    co_return 0;
  }

  std::vector<std::shared_ptr<Object>> objects;
};

TEST_F(TierChangesTest, WhatIsBeyondALowerQuotaLeaves) {
  Fill(16);
  ASSERT_EQ(tier().used_bytes(), 64 * kBlock);
  loop.Post([&] { cache->store().ChangeQuota(tier(), 20 * kBlock, {0.95, 0.5}); });
  for (int turn = 0; turn < 1000 && tier().used_bytes() > 10 * kBlock; ++turn) Turns(1);
  EXPECT_EQ(tier().used_bytes(), 10 * kBlock) << "down to the low watermark";
  EXPECT_THAT(metrics->Text(), testing::HasSubstr("sluice_tier_quota_bytes{tier=\"ssd\"} 1310720"));
  cache->store().ChangeQuota(tier(), 64 * kBlock, {1, 0.99});
  for (const auto& object : objects) ASSERT_OK(loop.Block(WarmTask(*cache, shared_source, object)).status());
  Settle();
  EXPECT_EQ(tier().used_bytes(), 64 * kBlock);
  for (size_t i = 0; i < objects.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const std::string got, Read(objects[i], 0, 4 * kBlock));
    EXPECT_EQ(got, source.files[fmt::format("f{}", i)]);
  }
}

TEST_F(TierChangesTest, TheNextPolicyKnowsWhatIsThere) {
  Fill(16);
  loop.Post([&] { ASSERT_OK(cache->store().ChangePolicy("lru", Epochs::kRecognised)); });
  Turns(5);
  EXPECT_EQ(tier().policy().size(), 64u);
  EXPECT_EQ(dynamic_cast<PolicyChange*>(&tier().policy()), nullptr) << "the change has come to its end";
  for (uint32_t block = 0; block < 4; ++block) cache->store().Touch(objects[0], block);
  loop.Post([&] { cache->store().ChangeQuota(tier(), 32 * kBlock, {0.5, 0.4}); });
  for (int turn = 0; turn < 1000 && tier().used_bytes() > 12 * kBlock; ++turn) Turns(1);
  EXPECT_EQ(objects[0]->cached_blocks(), 4u) << "the last that was read";
  EXPECT_EQ(objects[1]->cached_blocks(), 0u);
}

TEST_F(TierChangesTest, AChangeThatIsNoneKeepsThePolicy) {
  Fill(2);
  Policy* const before = &tier().policy();
  ASSERT_OK(cache->store().ChangePolicy("s3-fifo", Epochs::kRecognised));
  EXPECT_EQ(&tier().policy(), before);
  EXPECT_TRUE(Fails(cache->store().ChangePolicy("mru", Epochs::kRecognised), StatusCode::kInvalidArgument, "mru"));
  EXPECT_EQ(&tier().policy(), before);
}

TEST_F(TierChangesTest, MoreFetchesReachThoseWhoWait) {
  Fill(0);
  FetchLimits limits = cache->limits();
  limits.fetches_max = 1;
  cache->SetLimits(limits);
  source.hold = true;
  for (int i = 0; i < 4; ++i) {
    const std::string path = fmt::format("g{}", i);
    source.files[path] = RandomText(kBlock, 100);
    objects.push_back(Acquire(path));
  }
  std::vector<StatusOr<std::string>> results;
  loop.Post([&] {
    for (const auto& object : objects) io::Spawn(ReadInto(object, &results));
  });
  Turns(5);
  EXPECT_EQ(source.reads, 1u);
  limits.fetches_max = 3;
  loop.Post([&] { cache->SetLimits(limits); });
  Turns(5);
  EXPECT_EQ(source.reads, 3u);
  source.Release();
  Turns(50);
  ASSERT_EQ(results.size(), 4u);
  for (const auto& result : results) EXPECT_TRUE(result.ok());
}

TEST_F(TierChangesTest, FewerOpenFilesAreClosed) {
  Fill(100);
  const auto open_files = [&] {
    size_t count = 0;
    for (const auto& object : objects) count += object->fd(1) >= 0 ? 1 : 0;
    return count;
  };
  for (auto& object : objects) cache->store().Release(object);
  ASSERT_EQ(open_files(), 100u);
  loop.Post([&] { cache->store().SetOpenFilesMax(64); });
  Turns(20);
  EXPECT_LE(open_files(), 64u);
  objects.clear();
}

}  // namespace
}  // namespace sluice::cache

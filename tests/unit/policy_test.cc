#include "cache/policy.h"

#include <random>

#include "tests/support/matchers.h"
#include "tests/support/simulated_tier.h"

namespace sluice::cache {
namespace {

constexpr uint64_t kBlock = SimulatedTier::kBlock;

SimulatedTier Simulated(std::string_view policy, size_t capacity) {
  return {*MakePolicy(policy, capacity * kBlock), capacity};
}

class PolicyTest : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(All, PolicyTest, testing::ValuesIn(kPolicyNames), [](const auto& info) {
  std::string name(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST_P(PolicyTest, KeepsAWorkingSetThatFits) {
  SimulatedTier cache = Simulated(GetParam(), 100);
  for (int round = 0; round < 5; ++round) {
    for (uint32_t i = 0; i < 90; ++i) {
      const bool hit = cache.Read(i);
      if (round > 0) EXPECT_TRUE(hit);
    }
  }
}

TEST_P(PolicyTest, NeverExceedsItsCapacityUnderRandomLoad) {
  std::mt19937 random(1);
  SimulatedTier cache = Simulated(GetParam(), 64);
  for (int i = 0; i < 50'000; ++i) cache.Read(random() % 500);
  EXPECT_LE(cache.resident().size(), 64u);
}

TEST_P(PolicyTest, AsksWhatMayBeEvicted) {
  const auto policy = *MakePolicy(GetParam(), 10 * kBlock);
  for (uint32_t i = 0; i < 10; ++i) policy->Insert(Key(i), kBlock);
  const auto only_seven = policy->Victim([](const BlockKey& key) { return key.block == 7; });
  ASSERT_TRUE(only_seven);
  EXPECT_EQ(only_seven->block, 7u);
  EXPECT_FALSE(policy->Victim([](const BlockKey&) { return false; }));
  EXPECT_EQ(policy->size(), 10u);
}

double ZipfHitRatio(std::string_view policy) {
  std::mt19937 random(2);
  std::vector<double> weights;
  for (int i = 1; i <= 5000; ++i) weights.push_back(1.0 / i);
  std::discrete_distribution<uint32_t> zipf(weights.begin(), weights.end());
  SimulatedTier cache = Simulated(policy, 250);
  int hits = 0;
  constexpr int kReads = 100'000;
  for (int i = 0; i < kReads; ++i) {
    hits += cache.Read(zipf(random)) ? 1 : 0;
    if (i % 4 == 0) cache.Read(10'000 + static_cast<uint32_t>(i));  // a scan runs along
  }
  return hits / static_cast<double>(kReads);
}

TEST_P(PolicyTest, WhatIsHeldDoesNotHideTheRest) {
  const auto policy = *MakePolicy(GetParam(), 10 * kBlock);
  for (uint32_t i = 0; i < 8; ++i) policy->Insert(Key(i), kBlock);
  for (uint32_t i = 0; i < 4; ++i) policy->Touch(Key(i), kBlock);
  const auto first = policy->Victim([](const BlockKey& key) { return key.block >= 4; });
  ASSERT_TRUE(first);
  for (uint32_t i = 8; i < 10; ++i) policy->Insert(Key(i), kBlock);
  for (uint32_t i = 0; i < 10; ++i) {
    const auto only = policy->Victim([i](const BlockKey& key) { return key.block == i; });
    ASSERT_TRUE(only) << i;
    EXPECT_EQ(only->block, i);
  }
}

TEST_P(PolicyTest, WhatIsHeldAndOftenReadDoesNotHideWhatIsNew) {
  const auto policy = *MakePolicy(GetParam(), 100 * kBlock);
  for (uint32_t i = 0; i < 20; ++i) policy->Insert(Key(i), kBlock);
  for (uint32_t i = 0; i < 20; ++i) policy->Touch(Key(i), kBlock);
  EXPECT_FALSE(policy->Victim([](const BlockKey&) { return false; }));
  for (uint32_t i = 20; i < 22; ++i) policy->Insert(Key(i), kBlock);
  const auto victim = policy->Victim([](const BlockKey& key) { return key.block >= 20; });
  ASSERT_TRUE(victim);
}

TEST(Policy, FrequencyBeatsRecencyWhereAScanRunsAlong) {
  const double lru = ZipfHitRatio("lru");
  EXPECT_GT(ZipfHitRatio("s3-fifo"), lru + 0.03);
  EXPECT_GT(ZipfHitRatio("w-tinylfu"), lru + 0.03);
}

TEST(Policy, AnUnknownNameIsRefused) {
  EXPECT_TRUE(Fails(MakePolicy("s3fifo", 1).status(), StatusCode::kInvalidArgument, "did you mean 's3-fifo'"));
}

}  // namespace
}  // namespace sluice::cache

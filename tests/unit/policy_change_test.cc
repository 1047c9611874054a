#include "cache/policy_change.h"

#include "tests/support/matchers.h"
#include "tests/support/simulated_tier.h"

namespace sluice::cache {
namespace {

constexpr uint64_t kBlock = SimulatedTier::kBlock;

uint64_t BlockBytes(const BlockKey&) { return kBlock; }
bool Any(const BlockKey&) { return true; }

class PolicyChangeTest : public testing::Test {
 protected:
  PolicyChangeTest() {
    auto lru = MakeLru();
    for (uint32_t i = 0; i < 10; ++i) lru->Insert(Key(i), kBlock);
    lru->Touch(Key(0), kBlock);
    change = std::make_unique<PolicyChange>(std::move(lru), MakeLru());
  }
  // What goes when all has to, in that order.
  static std::vector<uint32_t> Order(Policy& policy) {
    std::vector<uint32_t> order;
    while (const auto victim = policy.Victim(Any)) {
      order.push_back(victim->block);
      policy.Erase(*victim, /*evicted=*/true);
    }
    return order;
  }

  std::unique_ptr<PolicyChange> change;
};

TEST_F(PolicyChangeTest, TheOrderGoesOver) {
  EXPECT_TRUE(change->TakeOver(4, BlockBytes));
  EXPECT_EQ(change->size(), 10u);
  EXPECT_FALSE(change->TakeOver(100, BlockBytes));
  const auto next = change->TakeNew();
  EXPECT_EQ(next->size(), 10u);
  EXPECT_THAT(Order(*next), testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 0));
}

TEST_F(PolicyChangeTest, WhatHappensMeanwhileIsNotLost) {
  EXPECT_TRUE(change->TakeOver(3, BlockBytes));  // 1, 2, 3
  change->Touch(Key(5), kBlock);
  change->Insert(Key(20), kBlock);
  change->Erase(Key(6), /*evicted=*/true);
  change->Erase(Key(2), /*evicted=*/false);
  EXPECT_EQ(change->size(), 9u);
  EXPECT_EQ(change->Victim(Any)->block, 4u) << "what has not gone over goes first";
  const auto is_new = [](const BlockKey& key) { return key.block == 20; };
  EXPECT_EQ(change->Victim(is_new)->block, 20u);
  EXPECT_FALSE(change->TakeOver(100, BlockBytes));
  EXPECT_THAT(Order(*change->TakeNew()), testing::ElementsAre(1, 3, 5, 20, 4, 7, 8, 9, 0));
}

TEST_F(PolicyChangeTest, AChangeOfAChange) {
  change->TakeOver(3, BlockBytes);
  PolicyChange second(std::move(change), MakeS3Fifo(10 * kBlock));
  second.Touch(Key(7), kBlock);
  while (second.TakeOver(2, BlockBytes)) EXPECT_EQ(second.size(), 10u);
  EXPECT_EQ(second.TakeNew()->size(), 10u);
}

TEST_F(PolicyChangeTest, WhatIsNotThereAnyMoreIsNotTakenOver) {
  const auto bytes_of = [](const BlockKey& key) { return key.block == 4 ? 0 : kBlock; };
  EXPECT_FALSE(change->TakeOver(100, bytes_of));
  EXPECT_EQ(change->size(), 9u);
}

}  // namespace
}  // namespace sluice::cache

#include "cache/epoch_detector.h"

#include "tests/support/simulated_tier.h"

namespace sluice::cache {
namespace {

constexpr uint32_t kTier = 1000;  // blocks

class EpochDetectorTest : public testing::Test {
 protected:
  EpochDetector::Advice Read(uint32_t number, bool hit, size_t resident = kTier) {
    return detector.Observe(Key(number), SimulatedTier::kBlock, hit, resident);
  }

  // Reads epochs in order over twice the tier, without a hit, until it keeps. Returns what it advised then.
  EpochDetector::Advice ReadUntilItKeeps(uint32_t tier = kTier) {
    auto advice = EpochDetector::Advice::kNone;
    for (reads = 0; reads < 10 * tier && !detector.keeping(); ++reads) advice = Read(reads % (2 * tier), false, tier);
    EXPECT_TRUE(detector.keeping());
    return advice;
  }

  EpochDetector detector{[](uint64_t) { return MakeLru(); }, kTier* SimulatedTier::kBlock, Epochs::kRecognised};
  uint32_t reads = 0;
};

TEST_F(EpochDetectorTest, HitsOfATierThatWasFullAtTheStartAreReadsLikeOthers) {
  for (int pass = 0; pass < 2; ++pass) {
    for (uint32_t i = 0; i < kTier; ++i) Read(i, /*hit=*/true);
  }
  EXPECT_FALSE(detector.new_data());
}

TEST_F(EpochDetectorTest, AMissIsNoPieceOfTheReadBefore) {
  for (uint32_t i = 0; i < kTier; ++i) Read(i % 8, /*hit=*/false);
  EXPECT_FALSE(detector.new_data());
}

TEST_F(EpochDetectorTest, NothingHasToGiveWayToNewDataWhileThePolicyReplaces) {
  for (int pass = 0; pass < 3; ++pass) {
    for (uint32_t i = 0; i < kTier / 2; ++i) Read(i, /*hit=*/pass > 0, kTier / 2);
  }
  ASSERT_FALSE(detector.new_data());
  ASSERT_FALSE(detector.keeping());
  for (uint32_t i = 0; i < kTier / 2; ++i) ASSERT_EQ(Read(kTier + i, /*hit=*/false), EpochDetector::Advice::kNone);
  EXPECT_TRUE(detector.new_data());
}

TEST_F(EpochDetectorTest, WhatNobodyReadsIsNotKept) {
  for (uint32_t i = 0; i < kTier; ++i) detector.Entered(Key(i < kTier / 2 ? i : 100'000 + i));
  EXPECT_EQ(ReadUntilItKeeps(), EpochDetector::Advice::kRenew);
}

}  // namespace
}  // namespace sluice::cache

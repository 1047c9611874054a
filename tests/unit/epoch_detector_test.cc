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

  // Reads what the policy would have, and the tier has not. Returns how many misses that took beyond the time for which
  // a choice stands.
  int ReadUntilItLeaves() {
    const auto stands = static_cast<int>(reads);
    for (reads = 0; reads < 10 * kTier && detector.keeping(); ++reads) Read(reads % 100, /*hit=*/false);
    EXPECT_FALSE(detector.keeping());
    return static_cast<int>(reads) - stands;
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

TEST_F(EpochDetectorTest, PiecesOfAReadAreNoReadsOfTheirOwn) {
  for (uint32_t i = 0; i < kTier; ++i) {
    for (int piece = 0; piece < 8; ++piece) Read(i, /*hit=*/piece > 0);
  }
  EXPECT_TRUE(detector.new_data());
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

TEST_F(EpochDetectorTest, WhatIsReadAgainIsKeptAsItIs) {
  for (uint32_t i = 0; i < kTier; ++i) detector.Entered(Key(i));
  EXPECT_EQ(ReadUntilItKeeps(), EpochDetector::Advice::kNone);
}

TEST_F(EpochDetectorTest, WhatNobodyReadsIsNotKept) {
  for (uint32_t i = 0; i < kTier; ++i) detector.Entered(Key(i < kTier / 2 ? i : 100'000 + i));
  EXPECT_EQ(ReadUntilItKeeps(), EpochDetector::Advice::kRenew);
}

TEST_F(EpochDetectorTest, WhatHasLeftDoesNotCount) {
  for (uint32_t i = 0; i < kTier; ++i) detector.Entered(Key(100'000 + i));
  for (uint32_t i = 0; i < kTier; ++i) {
    detector.Left(Key(100'000 + i));
    detector.Entered(Key(i));
  }
  EXPECT_EQ(ReadUntilItKeeps(), EpochDetector::Advice::kNone);
}

TEST_F(EpochDetectorTest, BlocksThatAreNotSampledAnyMoreDoNotCount) {
  constexpr uint32_t kLarge = 4 * kTier;
  for (uint32_t i = 0; i < kLarge; ++i) detector.Entered(Key(i));
  EXPECT_EQ(ReadUntilItKeeps(kLarge), EpochDetector::Advice::kNone);
}

TEST_F(EpochDetectorTest, AChoiceStandsForAsLongAsItTookAndThenHasCredit) {
  ReadUntilItKeeps();
  EXPECT_GT(ReadUntilItLeaves(), int{kTier} / 4);
}

TEST_F(EpochDetectorTest, WhatGivesWayHasNoCredit) {
  for (uint32_t i = 0; i < kTier; ++i) detector.Entered(Key(100'000 + i));
  ASSERT_EQ(ReadUntilItKeeps(), EpochDetector::Advice::kRenew);
  EXPECT_LT(ReadUntilItLeaves(), int{kTier} / 4);
}

// A trial as large as the tier was would hold most of what is read, and win.
TEST_F(EpochDetectorTest, MiniaturesAreOfTheQuotaThatItHasNow) {
  detector.SetCapacity(kTier / 2 * SimulatedTier::kBlock);
  for (uint32_t i = 0; i < 6 * kTier; ++i) Read(i % (kTier + 100), i % (kTier + 100) < kTier / 2, kTier / 2);
  EXPECT_FALSE(detector.keeping()) << "a set of half the blocks has as many hits";
}

TEST_F(EpochDetectorTest, EachTimeThatKeepingWasWrongTheNextLeaveTakesMore) {
  std::vector<int> misses;
  for (int time = 0; time < 7; ++time) {
    ReadUntilItKeeps();
    misses.push_back(ReadUntilItLeaves());
  }
  for (size_t time = 0; time < 4; ++time) EXPECT_GT(misses[time + 1], misses[time] + 50) << time;
  EXPECT_EQ(misses[6], misses[5]) << "up to a bound";
}

}  // namespace
}  // namespace sluice::cache

#include "cache/prewarm_pace.h"

#include <gtest/gtest.h>

namespace sluice::cache {
namespace {

using namespace std::chrono_literals;

class PrewarmPaceTest : public testing::Test {
 protected:
  // A reader's question, answered after `waited`, while prewarms take what they may.
  void Ask(Duration waited, const void* source = nullptr) {
    while (pace.MayBegin(clock.Now()) && under_way < kMost) Begin();
    while (under_way > pace.Limit(clock.Now())) End();
    const auto question = pace.OnQuestion(clock.Now());
    clock.Advance(waited);
    pace.OnAnswer(source, question, clock.Now());
  }
  void Begin() {
    pace.Begin();
    ++under_way;
  }
  void End() {
    pace.End();
    --under_way;
  }
  void AskOften(int times, Duration waited) {
    for (int i = 0; i < times; ++i) Ask(waited);
  }

  static constexpr size_t kMost = 64;
  ManualClock clock;
  PrewarmPace pace;
  size_t under_way = 0;
};

TEST_F(PrewarmPaceTest, AloneItTakesAllItCanGet) {
  for (size_t i = 0; i < kMost; ++i) {
    ASSERT_TRUE(pace.MayBegin(clock.Now()));
    Begin();
  }
}

TEST_F(PrewarmPaceTest, AReaderComesAndItStepsBackAtOnce) {
  while (under_way < kMost) Begin();
  pace.OnQuestion(clock.Now());
  EXPECT_FALSE(pace.MayBegin(clock.Now()));
  while (under_way >= PrewarmPace::kLeast) End();
  EXPECT_TRUE(pace.MayBegin(clock.Now()));  // but it goes on
}

TEST_F(PrewarmPaceTest, WhereReadersDoNotWaitLongerItTakesMore) {
  AskOften(400, 10ms);
  EXPECT_GT(pace.Limit(clock.Now()), 20u);
}

TEST_F(PrewarmPaceTest, WhereReadersWaitLongerItTakesLess) {
  AskOften(400, 10ms);
  AskOften(PrewarmPace::kAnswersPerStep * 8, 20ms);
  EXPECT_LE(pace.Limit(clock.Now()), PrewarmPace::kLeast + 1);  // what is usual may have changed
}

TEST_F(PrewarmPaceTest, FewLateAnswersAreNoReason) {
  for (int i = 0; i < 400; ++i) Ask(i % 4 == 0 ? 200ms : 10ms);
  EXPECT_GT(pace.Limit(clock.Now()), 20u);
}

TEST_F(PrewarmPaceTest, ASlowSourceIsNotMeasuredByAFastOne) {
  const int slow = 0, fast = 0;
  for (int i = 0; i < 400; ++i) Ask(10ms, &fast);
  for (int i = 0; i < 100; ++i) Ask(100ms, &slow);
  EXPECT_GT(pace.Limit(clock.Now()), 20u);
}

TEST_F(PrewarmPaceTest, WhenReadersHaveGoneItTakesAllAgain) {
  Ask(10ms);
  EXPECT_FALSE(pace.MayBegin(clock.Now()));
  clock.Advance(PrewarmPace::kAlone + 1ms);
  EXPECT_TRUE(pace.MayBegin(clock.Now()));
  EXPECT_GE(pace.Limit(clock.Now()), kMost);
}

TEST_F(PrewarmPaceTest, ForTheNextReaderItBeginsAnew) {
  AskOften(400, 10ms);
  clock.Advance(PrewarmPace::kAlone + 1ms);
  pace.OnQuestion(clock.Now());
  EXPECT_EQ(pace.Limit(clock.Now()), PrewarmPace::kLeast);
}

}  // namespace
}  // namespace sluice::cache

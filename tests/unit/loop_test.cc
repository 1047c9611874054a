#include "io/loop.h"

#include "io/blocking_pool.h"
#include "io/call.h"
#include "io/sync.h"
#include "tests/support/matchers.h"

namespace sluice::io {
namespace {

using namespace std::chrono_literals;

class LoopTest : public testing::TestWithParam<bool> {
 protected:
  Loop loop{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(RingAndCondition, LoopTest, testing::Bool());

Task<int64_t> Add(int64_t a, int64_t b) { co_return a + b; }
Task<int64_t> SumTo(int n) {
  int64_t sum = 0;
  for (int i = 1; i <= n; ++i) sum = co_await Add(sum, i);
  co_return sum;
}

TEST_P(LoopTest, AwaitsAMillionTasksOnOneStack) { EXPECT_EQ(loop.Block(SumTo(1'000'000)), 500'000'500'000); }

Task<int> SleepThenCount(Loop& loop, std::vector<int>* order, int delay_ms) {
  co_await loop.Sleep(std::chrono::milliseconds(delay_ms));
  order->push_back(delay_ms);
  co_return delay_ms;
}
Task<void> SleepDetached(Loop& loop, std::vector<int>* order, int delay_ms) {
  co_await SleepThenCount(loop, order, delay_ms);
}
Task<int> StartSleepers(Loop& loop, std::vector<int>* order) {
  Spawn(SleepDetached(loop, order, 9));
  Spawn(SleepDetached(loop, order, 3));
  Spawn(SleepDetached(loop, order, 6));
  co_return co_await SleepThenCount(loop, order, 15);
}

TEST_P(LoopTest, FunctionsAreCalledAfterTheirDelayOrNever) {
  std::vector<int> order;
  loop.After(std::chrono::milliseconds(4), [&] { order.push_back(4); });
  loop.After(std::chrono::milliseconds(2), [&] { order.push_back(2); });
  loop.After(std::chrono::hours(1), [&] { order.push_back(3600); });
  loop.Block(SleepThenCount(loop, &order, 9));
  EXPECT_EQ(order, (std::vector<int>{2, 4, 9}));
}

class JumpingClock : public Clock {
 public:
  Instant Now() const override { return now_; }
  bool Skip(Duration by) const override {
    now_ += by;
    return true;
  }

 private:
  mutable Instant now_;
};

TEST(SimulatedTimeTest, JumpsToTheNextTimerAndNobodyWaits) {
  const JumpingClock clock;
  Loop loop(/*use_ring=*/false, clock);
  std::vector<int> order;
  const Instant before = std::chrono::steady_clock::now();
  loop.After(2h, [&] { order.push_back(2); });
  loop.After(1h, [&] { order.push_back(1); });
  loop.Block(SleepThenCount(loop, &order, 3 * 3600 * 1000));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3 * 3600 * 1000}));
  EXPECT_EQ(clock.Now(), Instant(3h));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
}

TEST_P(LoopTest, TimersFireInOrder) {
  std::vector<int> order;
  loop.Block(StartSleepers(loop, &order));
  EXPECT_THAT(order, testing::ElementsAre(3, 6, 9, 15));
}

TEST_P(LoopTest, PostsFromOtherThreadsAllRunInOrder) {
  std::thread runner([&] { loop.Run(); });
  std::vector<int> got;
  for (int i = 0; i < 10'000; ++i) loop.Post([&got, i] { got.push_back(i); });
  EXPECT_EQ(RunOn(loop, [&] { return got.size(); }), 10'000u);
  EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
  EXPECT_EQ(CallOn(loop, SumTo(10)), 55);
  loop.Stop();
  runner.join();
}

Task<int> UsePool(BlockingPool& pool) {
  const auto caller = std::this_thread::get_id();
  const bool elsewhere = co_await pool.Run([caller] { return std::this_thread::get_id() != caller; });
  co_return elsewhere&& std::this_thread::get_id() == caller ? 1 : 0;
}

TEST_P(LoopTest, BlockingWorkRunsElsewhereAndComesBack) {
  BlockingPool pool(loop, 2);
  EXPECT_EQ(loop.Block(UsePool(pool)), 1);
}

Task<void> TakeSlot(Semaphore& semaphore, Urgency urgency, std::vector<Urgency>* order) {
  co_await semaphore.Acquire(4, urgency);
  order->push_back(urgency);
  semaphore.Release(4);
}
Task<bool> Contend(Loop& loop, std::vector<Urgency>* order) {
  Semaphore semaphore(loop, 4);
  co_await semaphore.Acquire(4, Urgency::kForeground);
  Spawn(TakeSlot(semaphore, Urgency::kPrewarm, order));
  Spawn(TakeSlot(semaphore, Urgency::kReadAhead, order));
  Spawn(TakeSlot(semaphore, Urgency::kForeground, order));
  semaphore.Release(4);
  while (order->size() < 3) co_await loop.Sleep(1ms);
  co_return semaphore.used() == 0;
}

TEST_P(LoopTest, TheMoreUrgentGoesFirst) {
  std::vector<Urgency> order;
  EXPECT_TRUE(loop.Block(Contend(loop, &order)));
  EXPECT_THAT(order, testing::ElementsAre(Urgency::kForeground, Urgency::kReadAhead, Urgency::kPrewarm));
}

Task<bool> LeavesRoom(Loop& loop) {
  Semaphore semaphore(loop, 8);
  co_await semaphore.Acquire(4, Urgency::kPrewarm);  // its share is half
  std::vector<Urgency> order;
  Spawn(TakeSlot(semaphore, Urgency::kPrewarm, &order));
  const bool prewarm_waits = order.empty();
  co_await semaphore.Acquire(4, Urgency::kForeground);  // and still this one does not wait
  semaphore.Release(4);
  semaphore.Release(4);
  while (order.empty()) co_await loop.Sleep(1ms);
  co_return prewarm_waits;
}

TEST_P(LoopTest, PrewarmLeavesRoomForReaders) { EXPECT_TRUE(loop.Block(LeavesRoom(loop))); }

Task<void> HoldGate(Loop& loop, Gate& gate, bool* ended) {
  const Gate::Holder holder = gate.Enter();
  co_await loop.Sleep(5ms);
  *ended = true;
}
Task<bool> CloseGate(Loop& loop, bool* ended) {
  Gate gate(loop);
  Spawn(HoldGate(loop, gate, ended));
  co_await gate.Close();
  co_return *ended;
}

TEST_P(LoopTest, AGateWaitsForTheLastTask) {
  bool ended = false;
  EXPECT_TRUE(loop.Block(CloseGate(loop, &ended)));
}

}  // namespace
}  // namespace sluice::io

#include "io/throttle.h"

#include "tests/support/matchers.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

TEST(TokenBucket, HoldsItsRateOverFiveSeconds) {
  for (const uint64_t rate : {uint64_t{1'000'000}, uint64_t{50'000'000}, uint64_t{2'000'000'000}}) {
    ManualClock clock;
    TokenBucket bucket;
    bucket.SetRate(rate, clock.Now());
    const uint64_t request = 20'000;
    uint64_t passed = 0;
    const Instant end = clock.Now() + 5s;
    while (clock.Now() < end) {
      const Duration delay = bucket.Delay(clock.Now());
      if (delay.count() > 0) {
        clock.Advance(delay);
        continue;
      }
      bucket.Spend(request, clock.Now());
      passed += request;
    }
    EXPECT_NEAR(static_cast<double>(passed), 5.0 * static_cast<double>(rate), 0.05 * 5.0 * static_cast<double>(rate));
  }
}

TEST(TokenBucket, ARateIsWhatWasSet) {
  TokenBucket bucket;
  for (const uint64_t rate : {UINT64_MAX, uint64_t{0}, uint64_t{7}}) {
    bucket.SetRate(rate, Instant{});
    EXPECT_EQ(bucket.rate(), rate);
  }
}

TEST(TokenBucket, IdleTimeIsNotSavedUp) {
  ManualClock clock;
  TokenBucket bucket;
  bucket.SetRate(1000, clock.Now());
  clock.Advance(1h);
  uint64_t passed = 0;
  while (bucket.Delay(clock.Now()).count() == 0) {
    bucket.Spend(10, clock.Now());
    passed += 10;
  }
  EXPECT_LE(passed, 70u);
}

TEST(TokenBucket, ARequestLargerThanTheBurstPassesAndIsPaidFor) {
  ManualClock clock;
  TokenBucket bucket;
  bucket.SetRate(1000, clock.Now());
  EXPECT_EQ(bucket.Delay(clock.Now()).count(), 0);
  bucket.Spend(10'000, clock.Now());
  EXPECT_NEAR(std::chrono::duration<double>(bucket.Delay(clock.Now())).count(), 10.0, 0.1);
}

io::Task<bool> PassMany(io::Loop& loop, io::Throttle& throttle) {
  const Instant start = loop.clock().Now();
  co_await throttle.Pass(1'000'000);  // goes into debt for a thousand seconds
  loop.Post([&] { throttle.SetRate(0); });
  co_await throttle.Pass(1);
  co_return loop.clock().Now() - start < 5s;
}

TEST(Throttle, ALiftedLimitReachesThoseWhoWait) {
  io::Loop loop(/*use_ring=*/false);
  io::Throttle throttle(loop);
  throttle.SetRate(1000);
  EXPECT_TRUE(loop.Block(PassMany(loop, throttle)));
}

}  // namespace
}  // namespace sluice

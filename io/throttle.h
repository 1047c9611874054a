// A rate limit that coroutines wait at, first come first served. A new rate takes effect on those who wait already.
//
// Threads:   loop-confined.
// Suspends:  Pass.
// Limits:    the rate, see common/token_bucket.h; waiters are bounded by the requests in flight.
#pragma once

#include "common/metrics.h"
#include "common/token_bucket.h"
#include "io/sync.h"

namespace sluice::io {

class Throttle {
 public:
  // `throttled_ns` counts the time that callers spent waiting; may be null.
  explicit Throttle(Loop& loop, Counter* throttled_ns = nullptr)
      : loop_(loop), throttled_ns_(throttled_ns), turn_(loop, 1) {}

  // 0 means no limit.
  void SetRate(uint64_t per_second) { bucket_.SetRate(per_second, loop_.clock().Now()); }
  uint64_t rate() const { return bucket_.rate(); }

  Task<void> Pass(uint64_t cost) {
    if (bucket_.rate() == 0 && turn_.used() == 0) co_return;
    const Instant start = loop_.clock().Now();
    co_await turn_.Acquire(1, Urgency::kForeground);
    for (Duration delay = Delay(); delay.count() > 0; delay = Delay()) co_await loop_.Sleep(std::min(delay, kRecheck));
    bucket_.Spend(cost, loop_.clock().Now());
    turn_.Release(1);
    if (throttled_ns_ != nullptr) throttled_ns_->Add(static_cast<uint64_t>((loop_.clock().Now() - start).count()));
  }

 private:
  // How soon a changed rate is noticed by the one at the front.
  static constexpr Duration kRecheck = std::chrono::milliseconds(100);
  Duration Delay() { return bucket_.Delay(loop_.clock().Now()); }

  Loop& loop_;
  Counter* const throttled_ns_;
  TokenBucket bucket_;
  Semaphore turn_;
};

}  // namespace sluice::io

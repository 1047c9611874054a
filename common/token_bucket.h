// A rate limit as a balance that may be overdrawn: whoever finds it at or above zero spends, whatever the cost, and
// the debt is what the next one waits for.
//
// Over any window of W seconds at rate R at most R·W + burst + one request pass; the burst is kBurstSeconds' worth
// of the rate, so that a window of 5 s is held within 1 % plus one request.
//
// Threads:     not thread-safe; owned by one loop.
// Invariants:  the balance never exceeds the burst: idle time is not saved up.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/clock.h"

namespace sluice {

class TokenBucket {
 public:
  static constexpr double kBurstSeconds = 0.05;

  // `rate_per_second` 0 means no limit.
  void SetRate(uint64_t rate_per_second, Instant now) {
    Settle(now);
    rate_per_second_ = rate_per_second;
    rate_ = static_cast<double>(rate_per_second);
    balance_ = std::min(balance_, rate_ * kBurstSeconds);
  }
  uint64_t rate() const { return rate_per_second_; }

  // How long until something may be spent; zero when it may be now.
  Duration Delay(Instant now) {
    if (rate_ <= 0) return Duration(0);
    Settle(now);
    return Duration(balance_ >= 0 ? 0 : static_cast<int64_t>(-balance_ / rate_ * 1e9) + 1);
  }

  // Spends `cost` tokens. REQUIRES: Delay(now) was zero.
  void Spend(uint64_t cost, Instant now) {
    if (rate_ <= 0) return;
    Settle(now);
    balance_ -= static_cast<double>(cost);
  }

 private:
  void Settle(Instant now) {
    const double elapsed = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    balance_ = std::min(balance_ + elapsed * rate_, rate_ * kBurstSeconds);
  }

  uint64_t rate_per_second_ = 0;
  double rate_ = 0;     // the same, to calculate with
  double balance_ = 0;  // tokens; below zero is debt
  Instant last_{};
};

}  // namespace sluice

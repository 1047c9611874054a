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
    rate_ = rate_per_second;
    balance_ = std::min(balance_, burst());
  }
  uint64_t rate() const { return rate_; }

  // How long until something may be spent; zero when it may be now.
  Duration Delay(Instant now) {
    if (rate_ == 0) return Duration(0);
    Settle(now);
    return Duration(balance_ >= 0 ? 0 : static_cast<int64_t>(-balance_ / static_cast<double>(rate_) * 1e9) + 1);
  }

  // Spends `cost` tokens. REQUIRES: Delay(now) was zero.
  void Spend(uint64_t cost, Instant now) {
    if (rate_ == 0) return;
    Settle(now);
    balance_ -= static_cast<double>(cost);
  }

 private:
  double burst() const { return static_cast<double>(rate_) * kBurstSeconds; }

  void Settle(Instant now) {
    const double elapsed = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    balance_ = std::min(balance_ + elapsed * static_cast<double>(rate_), burst());
  }

  uint64_t rate_ = 0;   // tokens per second
  double balance_ = 0;  // tokens; below zero is debt
  Instant last_{};
};

}  // namespace sluice

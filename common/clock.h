// Time as a parameter, so that tests turn the clock by hand.
//
// Threads:  every implementation is thread-safe.
#pragma once

#include <atomic>
#include <chrono>

namespace sluice {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::steady_clock::time_point;  // monotonic; means nothing after a reboot
using WallTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const { return std::chrono::steady_clock::now(); }
  virtual WallTime Wall() const { return std::chrono::system_clock::now(); }

  // True where time is simulated: `by` has passed on return. Whoever is about to wait asks, and does not wait then.
  virtual bool Skip(Duration /*by*/) const { return false; }

  // The machine's clock; lives for ever.
  static const Clock& System();
};

// Stands still until it is told to move.
class ManualClock : public Clock {
 public:
  Instant Now() const override { return Instant(Duration(now_ns_.load())); }
  WallTime Wall() const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(Duration(now_ns_.load())));
  }
  void Advance(Duration by) { now_ns_ += by.count(); }

 private:
  std::atomic<int64_t> now_ns_{1'000'000'000};
};

inline const Clock& Clock::System() {
  static const Clock clock;
  return clock;
}

}  // namespace sluice

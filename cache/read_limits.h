// The throttle of a dataset or of the node: bytes and reads per second.
//
// Threads:   active from any thread; the rest on the loop.
// Suspends:  Pass.
#pragma once

#include <atomic>

#include "io/throttle.h"

namespace sluice::cache {

class ReadLimits {
 public:
  ReadLimits(io::Loop& loop, Counter* throttled_ns) : bytes_(loop, throttled_ns), requests_(loop, throttled_ns) {}

  // 0 means no limit.
  void Set(uint64_t bytes_per_second, uint64_t requests_per_second) {
    bytes_.SetRate(bytes_per_second);
    requests_.SetRate(requests_per_second);
    active_ = bytes_per_second > 0 || requests_per_second > 0;
  }
  uint64_t bytes_per_second() const { return bytes_.rate(); }
  uint64_t requests_per_second() const { return requests_.rate(); }

  // While it is, no read is answered without Pass.
  bool active() const { return active_.load(std::memory_order_relaxed); }

  io::Task<void> Pass(uint64_t bytes) {
    co_await requests_.Pass(1);
    co_await bytes_.Pass(bytes);
  }

 private:
  io::Throttle bytes_;
  io::Throttle requests_;
  std::atomic<bool> active_{false};
};

}  // namespace sluice::cache

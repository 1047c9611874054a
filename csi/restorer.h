// Mounts volumes anew that nobody serves any more (Pool::Lost), as soon as a daemon can: after its container has ended
// with plugin and daemon, after a daemon with `transport: ring` has died.
//
// Threads:   one of its own, which ends with what Start returns; Wake from any.
// Owns:      nothing. Staging and turns must outlive it; the pools, what Start returns.
// Limits:    one volume at a time; what fails is tried again after kRetryFirst, then later and later up to kRetryMax,
//            for as long as it is lost.
// Errors:    are logged.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "csi/keyed_lock.h"
#include "csi/pools.h"
#include "csi/staging.h"

namespace sluice::csi {

class Restorer {
 public:
  static constexpr Duration kRetryFirst = std::chrono::seconds(1);
  static constexpr Duration kRetryMax = std::chrono::minutes(1);
  static constexpr Duration kTurnDeadline = std::chrono::seconds(30);

  Restorer(const Staging& staging, KeyedLock& turns) : staging_(staging), turns_(turns) {}

  [[nodiscard]] std::jthread Start(const Pools& pools);
  void Wake();

 private:
  void Run(const Pools& pools, const std::stop_token& stop);
  bool RestoreAll(const Pools& pools);  // true when nothing is lost any more

  const Staging& staging_;
  KeyedLock& turns_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;  // GUARDED_BY mutex_
};

}  // namespace sluice::csi

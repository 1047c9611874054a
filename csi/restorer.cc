#include "csi/restorer.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace sluice::csi {

std::jthread Restorer::Start(const Pools& pools) {
  return std::jthread([this, &pools](const std::stop_token& stop) { Run(pools, stop); });
}

void Restorer::Wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void Restorer::Run(const Pools& pools, const std::stop_token& stop) {
  Duration retry = kRetryFirst;
  bool done = true;
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      const auto woken = [this] { return woken_; };
      if (done) {
        changed_.wait(lock, stop, woken);
      } else {
        changed_.wait_for(lock, stop, retry, woken);
      }
      retry = woken_ ? kRetryFirst : std::min(retry * 2, kRetryMax);
      woken_ = false;
    }
    if (!stop.stop_requested()) done = RestoreAll(pools);
  }
}

bool Restorer::RestoreAll(const Pools& pools) {
  bool done = true;
  for (Pool* const pool : pools.All()) {
    for (const std::string& id : pool->Lost()) {
      const KeyedLock::Holder turn(turns_, id, kTurnDeadline);
      const Status status = turn.held() ? staging_.Restore(id, *pool) : Aborted("another call is still under way");
      if (status.ok()) continue;
      spdlog::error("volume {} is lost and cannot be mounted anew: {}", id, Message(status));
      if (!absl::IsNotFound(status)) done = false;  // for what is missing somebody else has to act
    }
  }
  return done;
}

}  // namespace sluice::csi

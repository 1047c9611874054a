// A lock per name: calls for one volume take turns, calls for others do not wait.
//
// Threads:  thread-safe.
// Limits:   a call waits at most its deadline for its turn.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "common/clock.h"

namespace sluice::csi {

class KeyedLock {
 public:
  class Holder {
   public:
    Holder(KeyedLock& lock, const std::string& key, Duration deadline) : lock_(lock), key_(key) {
      std::unique_lock guard(lock_.mutex_);
      held_ = lock_.changed_.wait_for(guard, deadline, [&] { return !lock_.keys_.contains(key_); });
      if (held_) lock_.keys_.insert(key_);
    }
    ~Holder() {
      if (!held_) return;
      const std::lock_guard guard(lock_.mutex_);
      lock_.keys_.erase(key_);
      lock_.changed_.notify_all();
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    // False: the deadline passed.
    bool held() const { return held_; }

   private:
    KeyedLock& lock_;
    const std::string key_;
    bool held_ = false;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> keys_;
};

}  // namespace sluice::csi

// The credentials of one volume, as they are now: in the one place where every request to its source finds them when it
// is signed. Newer ones take effect with the next request; what is under way goes on with those it has.
//
// Threads:  thread-safe.
#pragma once

#include <memory>
#include <mutex>

#include "source/sigv4.h"

namespace sluice::source {

class CredentialStore {
 public:
  using Snapshot = std::shared_ptr<const Credentials>;  // never null

  explicit CredentialStore(Credentials credentials = {})
      : current_(std::make_shared<const Credentials>(std::move(credentials))) {}

  // Two calls return the same pointer when no newer ones came in between.
  Snapshot Get() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  void Set(Credentials credentials) {
    auto fresh = std::make_shared<const Credentials>(std::move(credentials));
    const std::lock_guard lock(mutex_);
    current_.swap(fresh);
  }

 private:
  mutable std::mutex mutex_;
  Snapshot current_;  // GUARDED_BY mutex_
};

}  // namespace sluice::source

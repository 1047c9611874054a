// Which volumes could not be mounted lately, and why: the plugin's caller is told once and has often forgotten it, and
// who looks at the daemon would see only that they are not there.
//
// Threads:  any.
// Limits:   kMax volumes, the oldest go; messages of kMessageBytesMax. In memory.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/status.h"
#include "proto/admin.pb.h"

namespace sluice::daemon {

class FailedMounts {
 public:
  static constexpr size_t kMax = 64;
  static constexpr size_t kMessageBytesMax = 1024;

  // In the place of what failed of the volume before. REQUIRES: `why` is an error.
  void Add(const std::string& volume_id, const Status& why, WallTime at);
  void Remove(const std::string& volume_id);
  // Oldest first.
  std::vector<admin::v1::FailedMount> All() const;

 private:
  mutable std::mutex mutex_;
  std::list<admin::v1::FailedMount> failures_;  // GUARDED_BY mutex_
};

}  // namespace sluice::daemon

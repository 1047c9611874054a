// The configuration in force, and how it changes while the daemon serves: at once, with readers at work.
//
// Threads:   any but the loop and the sessions' own; one change at a time.
// Limits:    as OverriddenConfig; what is beyond a lower quota leaves in the background.
// Errors:    as OverriddenConfig. A change that fails has changed nothing.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "daemon/mounts.h"
#include "daemon/overridden_config.h"
#include "daemon/scrubber.h"

namespace sluice::daemon {

class LiveConfig {
 public:
  struct Parts {
    cache::Cache& cache;
    Mounts& mounts;
    Scrubber& scrubber;
    io::Loop& loop;
  };
  // `config` is what the parts were made with.
  LiveConfig(OverriddenConfig config, Parts parts) : parts_(parts), started_(config.in_force()), config_(config) {}

  OverriddenConfig Get() const;
  // As OverriddenConfig::Changed. `is_trial`: only says what would be.
  StatusOr<OverriddenConfig> Set(const std::vector<std::string>& unset, const std::string& yaml, bool is_trial);
  // The keys of it that take effect with the next start of the daemon.
  std::vector<std::string> Pending(const PoolConfig& config) const;

 private:
  // The difference between both.
  Status Apply(const PoolConfig& from, const PoolConfig& to);
  Status ApplyToCache(const PoolConfig& from, const PoolConfig& to);

  const Parts parts_;
  const PoolConfig started_;
  mutable std::mutex mutex_;
  OverriddenConfig config_;  // GUARDED_BY mutex_
};

}  // namespace sluice::daemon

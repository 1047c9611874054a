// A pool's configuration as the plugin's file says it, with what was set since, made to fit the memory there is.
//
// A value: a change makes another one, which is checked as a whole before anybody uses it. What is set is kept in a
// file of the daemon's own, and holds for the daemons after this one, too. What does not go with the plugin's file any
// more is left out, which never keeps a daemon from starting; the file keeps it until something is set anew, so that it
// is there again when the plugin rolls back.
//
// Threads:  not thread-safe.
// Errors:   as common/config_overrides.h; Save: what the kernel says.
// Format:   docs/on-disk-format.md, "Overrides".
#pragma once

#include <string>
#include <vector>

#include "common/config_overrides.h"

namespace sluice::daemon {

class OverriddenConfig {
 public:
  // `pools` are all of the plugin's file, `pool` is one of them; a `file` that is not there has nothing set.
  static OverriddenConfig Load(PoolConfigs pools, const std::string& pool, std::string file, uint64_t memory_bytes);

  // Without the keys of `unset`, and with what `yaml` says. INVALID_ARGUMENT, too, for a quota that is larger than its
  // file system.
  StatusOr<OverriddenConfig> Changed(const std::vector<std::string>& unset, const std::string& yaml) const;
  // Writes what is set to the file, whole or not at all.
  Status Save() const;

  const PoolConfig& in_force() const { return in_force_; }
  const ConfigOverrides& overrides() const { return overrides_; }
  // What was left out or made smaller, and why; for people.
  std::vector<std::string> notes() const;

 private:
  OverriddenConfig(PoolConfigs pools, const std::string& pool, std::string file, uint64_t memory_bytes);
  const PoolConfig& base() const { return pools_.at(pool_); }
  StatusOr<ConfigOverrides> ReadSaved() const;
  Status PutInForce();

  PoolConfigs pools_;
  std::string pool_;
  std::string file_;
  uint64_t memory_bytes_;
  ConfigOverrides overrides_;
  PoolConfig in_force_;
  std::vector<std::string> dropped_;
  std::string lowered_;
};

}  // namespace sluice::daemon

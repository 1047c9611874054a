// All pools of this node, by name.
//
// Threads:  thread-safe after Start.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "csi/pool.h"

namespace sluice::csi {

class Pools {
 public:
  // Starts the daemon of every configured pool.
  static StatusOr<std::unique_ptr<Pools>> Start(const PoolConfigs& configs, const PoolOptions& common);

  // INVALID_ARGUMENT with the pools that there are.
  StatusOr<Pool*> Find(const std::string& name) const;
  // The pool that serves the volume; null when none does.
  Pool* Serving(const std::string& volume_id) const;
  // The pool that has a record of the volume; null when none has.
  Pool* Recording(const std::string& volume_id) const;
  std::vector<Pool*> All() const;
  // Whichever pool has it.
  void ReleaseTree(const std::string& name) const;
  bool AllReady() const;
  // Returns when each pool that serves volumes has a daemon, or at the deadline: connections that nobody else has end
  // with this process.
  void AwaitDaemons(Duration deadline) const;
  // The sum of the largest tiers.
  uint64_t capacity_bytes() const;

 private:
  std::map<std::string, std::unique_ptr<Pool>> pools_;
};

}  // namespace sluice::csi

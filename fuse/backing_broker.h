// The privileged side of FUSE passthrough, as the sessions see it: who may have the kernel read a file by itself.
//
// Threads:   on the loop.
// Suspends:  OpenBacking.
#pragma once

#include <cstdint>
#include <string>

#include "common/status.h"
#include "common/unique_fd.h"
#include "io/task.h"

namespace sluice::fuse {

class BackingBroker {
 public:
  virtual ~BackingBroker() = default;

  // The backing id (above 0) of an inode of the volume, whose bytes are those of `file`. It has one until CloseBacking,
  // and gets the same again when it asks again.
  virtual io::Task<StatusOr<int32_t>> OpenBacking(std::string volume_id, uint64_t inode, UniqueFd file) = 0;
  // Handles that are open on it go on.
  virtual void CloseBacking(const std::string& volume_id, uint64_t inode) = 0;
};

}  // namespace sluice::fuse

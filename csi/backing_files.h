// The files that the kernel reads by itself for the handles of one volume (FUSE passthrough): opened here, because only
// a process with CAP_SYS_ADMIN may.
//
// The kernel opens such a file again with this process' rights and asks nobody: a daemon that was taken over could have
// any file of the machine read, and one that it can open for reading written, if the mount allowed it. So the mount is
// read-only, and a descriptor from the daemon is taken only when it is a regular file, opened for reading, owned by
// the daemon, inside one of the pool's tiers, with a name still.
//
// Threads:     one at a time.
// Owns:        the backing ids; the kernel ends them with the FUSE connection.
// Limits:      kBackingsMax per volume: each pins an open file in the kernel.
// Errors:      PERMISSION_DENIED for a file that is not the pool's; RESOURCE_EXHAUSTED; FAILED_PRECONDITION with what
//              the kernel says: it has no passthrough, or not for the tier's file system.
// Invariants:  an inode has one id from Open to Close, whatever becomes of the daemon.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/pool_config.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::csi {

// Where a pool's cache files are.
class TierDirectories {
 public:
  // Those of the configured tiers that are there.
  static TierDirectories Open(const PoolConfig& config);

  // OK for a file that the kernel may read on behalf of the pool's daemon.
  Status Check(int file) const;

 private:
  struct Directory {
    std::string path;  // without symbolic links
    dev_t device = 0;
  };
  std::vector<Directory> directories_;
  uid_t owner_ = 0;
};

class BackingFiles {
 public:
  static constexpr size_t kBackingsMax = 4096;

  // The inode's id; `file` is not needed any more then. `fuse_fd` is the volume's connection.
  StatusOr<int32_t> Open(int fuse_fd, uint64_t inode, int file, const TierDirectories& tiers);
  // Those that the plugin before this one had opened, as the daemon says: of a connection that is the daemon's own, so
  // that wrong numbers harm nobody else.
  void Adopt(std::map<uint64_t, int32_t> ids);
  // Nothing happens when it has none.
  void Close(int fuse_fd, uint64_t inode);

  const std::map<uint64_t, int32_t>& ids() const { return ids_; }

 private:
  std::map<uint64_t, int32_t> ids_;  // by inode number
};

}  // namespace sluice::csi

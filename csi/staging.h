// Volumes mounted where they are staged, and mounted anew when nobody serves them any more: then pods find them again
// where they were published.
//
// Threads:   thread-safe; the caller holds the volume's turn.
// Limits:    the Pool's deadlines.
// Errors:    of the mounts, and the daemon's own.
#pragma once

#include "csi/mount_table.h"
#include "csi/mounter.h"
#include "csi/pool.h"

namespace sluice::csi {

class Staging {
 public:
  static constexpr uint64_t kReadAheadBytes = 1 << 20;

  explicit Staging(const Mounter& mounter) : mounter_(mounter) {}

  static bool IsFuse(const MountInfo& mount);  // of ours

  // Mounts the volume at `path` and has `pool` serve it. `restored`: see Pool::Mount.
  Status Mount(const std::string& path, const broker::v1::VolumeSpec& spec, Pool& pool, bool restored = false) const;

  // A volume of pool.Lost(). NOT_FOUND when its credentials are not known any more.
  Status Restore(const std::string& volume_id, Pool& pool) const;

 private:
  Status Republish(const broker::v1::StagedVolume& staged, Pool& pool) const;

  const Mounter& mounter_;
};

}  // namespace sluice::csi

// The kernel's table of mounts, as this process sees it.
//
// One mount is asked for with statmount(2) (Linux 6.13 for all of its fields), because /proc/self/mountinfo, which
// older kernels have, is written anew for every reader with a line for each mount of the node.
//
// Threads:   thread-safe; no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/status.h"

namespace sluice::csi {

struct MountInfo {
  std::string path;
  std::string device;  // "MAJOR:MINOR"
  std::string type;    // "fuse.sluice"
  std::string source;  // what mount(8) shows
  std::string root;    // of the file system, that is mounted here
};

StatusOr<std::vector<MountInfo>> ListMounts();

// The topmost mount at `path`. The file system mounted there is not asked: its daemon may be dead.
StatusOr<std::optional<MountInfo>> FindMount(const std::string& path);

// The two ways to ask for one mount.
// By its unique id (STATX_MNT_ID_UNIQUE); UNIMPLEMENTED when this kernel does not tell all of MountInfo.
StatusOr<std::optional<MountInfo>> StatMount(uint64_t unique_id);
// By the id in mountinfo (STATX_MNT_ID).
StatusOr<std::optional<MountInfo>> FindInMountinfo(uint64_t id);

}  // namespace sluice::csi

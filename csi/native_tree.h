// Native publish: a dataset's tree of cache files, mounted for a pod without FUSE.
//
// The daemon made the tree, and the plugin believes nothing of it: before the mount every entry must be a directory or
// a regular file, of the daemon's own, on the tier's file system, without set-uid bits. The check and the mount go
// through one descriptor, so that the tree cannot be swapped in between. What the daemon does to it afterwards is
// bounded by the mount: read-only, nosuid, nodev, and it owns nothing but its own files to link there.
//
// Threads:   thread-safe; no state.
// Limits:    kEntriesMax entries, kDepthMax directories deep.
// Errors:    PERMISSION_DENIED names the entry; FAILED_PRECONDITION when the kernel (before 5.12, or for this file
//            system) has no idmapped mounts.
#pragma once

#include <set>
#include <string>

#include "common/pool_config.h"
#include "csi/mount_table.h"
#include "csi/mounter.h"

namespace sluice::csi {

class NativeTree {
 public:
  static constexpr uint64_t kEntriesMax = 20'000'000;
  static constexpr int kDepthMax = 512;

  // The tree with `root` (O_PATH is enough), made by the user `owner`, may be shown.
  static Status Check(int root, uid_t owner);

  // Shows the tree, or what is at options.sub_path of it, at the directory `target`, with the owners that the user
  // namespace `owner_map` says.
  static Status Mount(int root, int target, int owner_map, const Mounter::BindOptions& options);

  static bool IsName(const std::string& name);
  // The tree that a line of the mount table shows; empty when it shows none.
  static std::string NameOf(const MountInfo& mount);
  // The path below the tree that it shows; "" for all of it.
  static std::string SubPathOf(const MountInfo& mount);
  // The trees that are mounted somewhere.
  static StatusOr<std::set<std::string>> Mounted();
};

}  // namespace sluice::csi

// mount(2) and its relatives: the plugin's only privileged calls besides those of the broker.
//
// Paths come from the kubelet. Each is opened once, below the kubelet's directory and without symbolic links when that
// directory is given, and every later call goes through the descriptor, so that nothing can be swapped in between.
//
// Threads:   thread-safe; no state.
// Errors:    INVALID_ARGUMENT for a path outside; FAILED_PRECONDITION (no FUSE in the kernel, something
//            else is mounted); what the kernel says, with the path.
#pragma once

#include <string>

#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::csi {

struct FuseMount {
  UniqueFd fd;            // /dev/fuse
  std::string fuse_init;  // the request that the kernel sent first
};

class Mounter {
 public:
  static constexpr const char* kFuseType = "sluice";  // mountinfo says "fuse.sluice"

  // `kubelet_directory` empty: any absolute path.
  explicit Mounter(std::string kubelet_directory) : kubelet_directory_(std::move(kubelet_directory)) {}

  // A descriptor (O_PATH) of the directory `path`.
  StatusOr<UniqueFd> Open(const std::string& path) const;

  // Creates `path` (its parent must exist) when it is not there.
  Status MakeDirectory(const std::string& path) const;

  // Mounts FUSE read-only at `path` and takes the kernel's FUSE_INIT. `name` is shown as the source.
  StatusOr<FuseMount> MountFuse(const std::string& path, const std::string& name) const;
  // The kernel's read-ahead for the file system mounted there: it asks FUSE for 128 KiB at a time otherwise.
  Status SetReadAhead(const std::string& path, uint64_t bytes) const;

  // FUSE over io_uring is there and switched on.
  static bool KernelHasRing();

  struct BindOptions {
    std::string sub_path;  // below the mounted root; cannot leave it
    bool no_exec = false;
    bool no_atime = false;
  };
  // Shows `source` at `target` read-only.
  Status Bind(const std::string& source, const std::string& target, const BindOptions& options) const;

  // Unmounts whatever is at `path`, however often; what is not mounted or not there is no error.
  Status Unmount(const std::string& path) const;
  // The same, and removes the directory.
  Status UnmountAndRemove(const std::string& path) const;

  // A tmpfs of `bytes` with huge pages, owned by `uid`; nothing when there is one already.
  static Status MountTmpfs(const std::string& path, uint64_t bytes, uid_t uid, gid_t gid);

 private:
  const std::string kubelet_directory_;
};

}  // namespace sluice::csi

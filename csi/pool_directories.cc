#include "csi/pool_directories.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "common/unique_fd.h"
#include "csi/mounter.h"

namespace sluice::csi {
namespace {

constexpr mode_t kModeBits = 07777;

// Makes the directory, and gives it away. Its parent may be the daemon's own, which may have put a symbolic link there:
// none is followed.
Status MakeOwned(const std::string& path, uid_t uid, gid_t gid, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return ErrnoStatus(errno, path);
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st{};
  if (!fd.valid() || ::fstat(fd.get(), &st) != 0)
    return ErrnoStatus(errno, fmt::format("the pool's directory {}", path));
  if (st.st_uid == uid && st.st_gid == gid && (st.st_mode & kModeBits) == mode) return absl::OkStatus();
  if (::fchownat(fd.get(), "", uid, gid, AT_EMPTY_PATH) == 0 &&
      ::chmod(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), mode) == 0) {
    return absl::OkStatus();
  }
  if (errno != EPERM) return ErrnoStatus(errno, path);
  return PermissionDenied(
      "{} must belong to {}:{} with mode {:o}; sluice-csi can change that only while it starts (it gives up the right)",
      path, uid, gid, mode);
}

}  // namespace

Status MakePoolDirectories(const std::string& state_directory, const PoolConfig& config) {
  const std::string directory = PoolDirectory(state_directory, config.name);
  const auto uid = static_cast<uid_t>(config.uid);
  const auto gid = static_cast<gid_t>(config.gid);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(directory).parent_path(), error);
  if (error) return Unavailable("the pool's directory {}: {}", directory, error.message());
  RETURN_IF_ERROR(MakeOwned(directory, uid, gid, 0750));
  for (const TierConfig& tier : config.tiers) {
    // Directories of our own making only: a path that was configured must be there, or it is a mistake.
    if (!tier.path.starts_with(directory + "/")) continue;
    // Once it is mounted the directory below cannot be seen, nor needs to be.
    RETURN_IF_ERROR(MakeOwned(tier.path, uid, gid, 0700));
    if (tier.medium == "dram") RETURN_IF_ERROR(Mounter::MountTmpfs(tier.path, tier.quota_bytes, uid, gid));
  }
  return absl::OkStatus();
}

}  // namespace sluice::csi

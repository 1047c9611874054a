#include "csi/backing_files.h"

#include <fcntl.h>
#include <fuse_kernel.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace sluice::csi {
namespace {

// The path that the kernel knows an open file by; empty when it has none.
std::string PathOf(int fd) {
  char path[PATH_MAX];
  const ssize_t length = ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), path, sizeof path);
  return length > 0 && length < PATH_MAX ? std::string(path, static_cast<size_t>(length)) : "";
}

Status Refused(int error) {
  switch (error) {
    case ELOOP:
      return FailedPrecondition("the tier's file system is stacked on another one (overlayfs) or cannot back FUSE");
    case ENOTTY:
    case EOPNOTSUPP:
    case EINVAL:
      return FailedPrecondition("this kernel (before 6.9) or the tier's file system has no FUSE passthrough");
    case EPERM:
      return FailedPrecondition(
          "sluice-csi needs CAP_SYS_ADMIN in the first user namespace for FUSE passthrough (the kernel answers EPERM)");
    default:
      return ErrnoStatus(error, "FUSE_DEV_IOC_BACKING_OPEN");
  }
}

}  // namespace

TierDirectories TierDirectories::Open(const PoolConfig& config) {
  TierDirectories directories;
  directories.owner_ = static_cast<uid_t>(config.uid);
  for (const TierConfig& tier : config.tiers) {
    const UniqueFd fd(::open(tier.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat st{};
    if (!fd.valid() || ::fstat(fd.get(), &st) != 0) continue;  // the daemon says what is wrong with it
    directories.directories_.push_back({PathOf(fd.get()), st.st_dev});
  }
  return directories;
}

Status TierDirectories::Check(int file) const {
  struct stat st{};
  const int flags = ::fcntl(file, F_GETFL);
  if (flags < 0 || ::fstat(file, &st) != 0) return ErrnoStatus(errno, "a backing file");
  if (!S_ISREG(st.st_mode)) return PermissionDenied("a backing file must be a regular file");
  if ((flags & O_PATH) != 0 || (flags & O_ACCMODE) != O_RDONLY) {
    return PermissionDenied("a backing file must be opened for reading only");
  }
  if (st.st_uid != owner_) {
    return PermissionDenied("a backing file must belong to the pool's user {}, not to {}", owner_, st.st_uid);
  }
  if (st.st_nlink == 0) return PermissionDenied("a backing file must have a name");
  const std::string path = PathOf(file);
  const bool inside = std::any_of(directories_.begin(), directories_.end(), [&](const Directory& directory) {
    return directory.device == st.st_dev && path.starts_with(directory.path + "/");
  });
  if (!inside) return PermissionDenied("{} is in none of the pool's tiers", path);
  return absl::OkStatus();
}

StatusOr<int32_t> BackingFiles::Open(int fuse_fd, uint64_t inode, int file, const TierDirectories& tiers) {
  RETURN_IF_ERROR(tiers.Check(file));
  if (const auto found = ids_.find(inode); found != ids_.end()) return found->second;
  if (ids_.size() >= kBackingsMax) {
    return ResourceExhausted("the volume has {} backing files; that is the limit", kBackingsMax);
  }
  fuse_backing_map map{};
  map.fd = file;
  const int id = ::ioctl(fuse_fd, FUSE_DEV_IOC_BACKING_OPEN, &map);
  if (id <= 0) return Refused(errno);
  ids_[inode] = id;
  return id;
}

void BackingFiles::Adopt(std::map<uint64_t, int32_t> ids) {
  if (ids.size() > kBackingsMax) return;
  std::erase_if(ids, [](const auto& entry) { return entry.second <= 0; });
  ids_ = std::move(ids);
}

void BackingFiles::Close(int fuse_fd, uint64_t inode) {
  const auto found = ids_.find(inode);
  if (found == ids_.end()) return;
  auto id = static_cast<uint32_t>(found->second);
  if (::ioctl(fuse_fd, FUSE_DEV_IOC_BACKING_CLOSE, &id) != 0) {
    spdlog::warn("backing file {} of inode {}: {}", id, inode, std::strerror(errno));
  }
  ids_.erase(found);
}

}  // namespace sluice::csi

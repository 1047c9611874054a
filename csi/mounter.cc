#include "csi/mounter.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "csi/mount_table.h"

namespace sluice::csi {
namespace {

constexpr size_t kInitBytesMax = (1u << 20) + 4096;  // FUSE wants a buffer as large as any request
constexpr int kInitDeadlineMs = 5'000;

std::string ThroughFd(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

StatusOr<UniqueFd> OpenAt(int directory, const std::string& path, uint64_t resolve) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = resolve;
  const long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
  if (fd < 0) return ErrnoStatus(errno, path);
  return UniqueFd(static_cast<int>(fd));
}

std::string Normal(const std::string& path) {
  std::string normal = std::filesystem::path(path).lexically_normal().string();
  if (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

}  // namespace

StatusOr<UniqueFd> Mounter::Open(const std::string& path) const {
  if (!path.starts_with('/')) return InvalidArgument("path '{}' is not absolute", path);
  if (kubelet_directory_.empty()) return OpenAt(AT_FDCWD, path, RESOLVE_NO_MAGICLINKS);
  const std::string normal = Normal(path);
  const std::string root = Normal(kubelet_directory_);
  if (normal != root && !normal.starts_with(root + "/")) {
    return InvalidArgument("path '{}' is not below the kubelet's directory {} (--kubelet-dir)", path, root);
  }
  ASSIGN_OR_RETURN(const UniqueFd top, OpenAt(AT_FDCWD, root, RESOLVE_NO_MAGICLINKS));
  return OpenAt(top.get(), normal == root ? "." : normal.substr(root.size() + 1),
                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

Status Mounter::MakeDirectory(const std::string& path) const {
  const std::filesystem::path normal(Normal(path));
  ASSIGN_OR_RETURN(const UniqueFd parent, Open(normal.parent_path().string()));
  if (::mkdirat(parent.get(), normal.filename().c_str(), 0750) != 0 && errno != EEXIST) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

StatusOr<FuseMount> Mounter::MountFuse(const std::string& path, const std::string& name) const {
  ASSIGN_OR_RETURN(const UniqueFd target, Open(path));
  FuseMount mount;
  mount.fd.reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!mount.fd.valid()) {
    const int error = errno;
    if (error == ENOENT || error == ENODEV || error == ENXIO) {
      return FailedPrecondition(
          "this kernel has no FUSE: /dev/fuse is missing (modprobe fuse; in a container, mount the "
          "host's /dev)");
    }
    return ErrnoStatus(error, "/dev/fuse");
  }
  const std::string options = fmt::format(
      "fd={},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read=1048576", mount.fd.get());
  if (::mount(name.c_str(), ThroughFd(target.get()).c_str(), fmt::format("fuse.{}", kFuseType).c_str(),
              MS_NOSUID | MS_NODEV | MS_RDONLY, options.c_str()) != 0) {
    return ErrnoStatus(errno, fmt::format("mount FUSE at {}", path));
  }
  // Not filled: of its pages one is used.
  const auto request = std::make_unique_for_overwrite<char[]>(kInitBytesMax);
  pollfd waiting{mount.fd.get(), POLLIN, 0};
  const ssize_t length =
      ::poll(&waiting, 1, kInitDeadlineMs) == 1 ? ::read(mount.fd.get(), request.get(), kInitBytesMax) : -1;
  if (length <= 0) {
    (void)Unmount(path);
    return DeadlineExceeded("the kernel sent no FUSE_INIT for {}", path);
  }
  mount.fuse_init.assign(request.get(), static_cast<size_t>(length));
  return mount;
}

Status Mounter::SetReadAhead(const std::string& path, uint64_t bytes) const {
  ASSIGN_OR_RETURN(const auto mount, FindMount(path));
  if (!mount) return FailedPrecondition("nothing is mounted at {}", path);
  std::ofstream file(fmt::format("/sys/class/bdi/{}/read_ahead_kb", mount->device));
  file << bytes / 1024 << std::flush;
  return file ? absl::OkStatus() : Unavailable("read_ahead_kb of {} cannot be set", path);
}

bool Mounter::KernelHasRing() {
  std::ifstream file("/sys/module/fuse/parameters/enable_uring");
  char answer = 'N';
  file >> answer;
  return answer == 'Y';
}

Status Mounter::Bind(const std::string& source, const std::string& target, const BindOptions& options) const {
  ASSIGN_OR_RETURN(UniqueFd from, Open(source));
  if (!options.sub_path.empty()) {
    auto below = OpenAt(from.get(), options.sub_path, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    if (!below.ok()) return Annotate(below.status(), "subPath is no directory of the volume");
    from = *std::move(below);
  }
  ASSIGN_OR_RETURN(const UniqueFd to, Open(target));
  const std::string to_path = ThroughFd(to.get());
  if (::mount(ThroughFd(from.get()).c_str(), to_path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return ErrnoStatus(errno, fmt::format("bind {} to {}", source, target));
  }
  // A descriptor opened before the mount still means the directory below it: open what is there now.
  ASSIGN_OR_RETURN(const UniqueFd mounted, Open(target));
  const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV |
                              (options.no_exec ? MS_NOEXEC : 0) | (options.no_atime ? MS_NOATIME : 0);
  if (::mount(nullptr, ThroughFd(mounted.get()).c_str(), nullptr, flags, nullptr) != 0) {
    const Status status = ErrnoStatus(errno, fmt::format("make {} read-only", target));
    (void)Unmount(target);
    return status;
  }
  return absl::OkStatus();
}

Status Mounter::Unmount(const std::string& path) const {
  if (!path.starts_with('/')) return InvalidArgument("path '{}' is not absolute", path);
  constexpr int kStackedMax = 32;
  for (int i = 0; i < kStackedMax; ++i) {
    ASSIGN_OR_RETURN(const auto mount, FindMount(path));
    if (!mount) return absl::OkStatus();
    // Detached: it goes from here at once, and from the kernel when the last open file does.
    if (::umount2(Normal(path).c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
      return ErrnoStatus(errno, fmt::format("unmount {}", path));
    }
  }
  return FailedPrecondition("{} mounts are stacked at {}", kStackedMax, path);
}

Status Mounter::UnmountAndRemove(const std::string& path) const {
  RETURN_IF_ERROR(Unmount(path));
  const std::filesystem::path normal(Normal(path));
  const auto parent = Open(normal.parent_path().string());
  if (!parent.ok()) return parent.status().code() == StatusCode::kNotFound ? absl::OkStatus() : parent.status();
  if (::unlinkat(parent->get(), normal.filename().c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, fmt::format("remove {}", path));
  }
  return absl::OkStatus();
}

Status Mounter::MountTmpfs(const std::string& path, uint64_t bytes, uid_t uid, gid_t gid) {
  ASSIGN_OR_RETURN(const auto found, FindMount(path));
  // Room for the directories besides the quota.
  const std::string base = fmt::format("size={},mode=0700,uid={},gid={}", bytes + bytes / 64 + (4u << 20), uid, gid);
  if (found && found->type == "tmpfs") {
    // Of an earlier run: its files are still good, its size may have changed.
    // EINVAL: it holds more than that. It stays as large, and its daemon keeps to the quota.
    if (::mount("sluice", path.c_str(), "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, base.c_str()) != 0 &&
        errno != EINVAL) {
      return ErrnoStatus(errno, fmt::format("resize the DRAM tier {}", path));
    }
    return absl::OkStatus();
  }
  // The directory above it is the daemon's: it must not lead elsewhere.
  const UniqueFd target(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!target.valid()) return ErrnoStatus(errno, fmt::format("the DRAM tier {}", path));
  // Not "always", which takes two megabytes for the smallest file. Kernels without huge pages refuse the option.
  for (const char* huge : {",huge=within_size", ""}) {
    if (::mount("sluice", ThroughFd(target.get()).c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                (base + huge).c_str()) == 0)
      return absl::OkStatus();
  }
  return ErrnoStatus(errno, fmt::format("mount the DRAM tier {}", path));
}

}  // namespace sluice::csi

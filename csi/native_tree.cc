#include "csi/native_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace sluice::csi {
namespace {

constexpr std::string_view kPublished = "/published/";
constexpr size_t kNameLength = 32;  // hexadecimal digits

// Walks a tree and says what is wrong with it.
class Checker {
 public:
  Checker(uid_t owner, dev_t device) : owner_(owner), device_(device) {}

  Status CheckDirectory(UniqueFd directory, const std::string& path, int depth) {
    if (depth > NativeTree::kDepthMax) return PermissionDenied("{} is too deep", path);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(directory.get()), ::closedir);
    if (stream == nullptr) return ErrnoStatus(errno, path);
    const int fd = directory.release();  // the stream's now
    while (const dirent* item = ::readdir(stream.get())) {
      const std::string_view name = item->d_name;
      if (name == "." || name == "..") continue;
      RETURN_IF_ERROR(CheckEntry(fd, item->d_name, fmt::format("{}/{}", path, name), depth));
    }
    return absl::OkStatus();
  }

 private:
  Status CheckEntry(int directory, const char* name, const std::string& path, int depth) {
    if (++entries_ > NativeTree::kEntriesMax) return ResourceExhausted("the tree has too many entries");
    struct stat st{};
    if (::fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return ErrnoStatus(errno, path);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
      return PermissionDenied("{} is neither a file nor a directory", path);
    }
    if (st.st_uid != owner_) return PermissionDenied("{} belongs to {}, not to the pool", path, st.st_uid);
    if (st.st_dev != device_) return PermissionDenied("{} is on another file system", path);
    if ((st.st_mode & (S_ISUID | S_ISGID)) != 0) return PermissionDenied("{} has a set-uid or set-gid bit", path);
    if (S_ISREG(st.st_mode)) return absl::OkStatus();
    UniqueFd below(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!below.valid()) return ErrnoStatus(errno, path);
    return CheckDirectory(std::move(below), path, depth + 1);
  }

  const uid_t owner_;
  const dev_t device_;
  uint64_t entries_ = 0;
};

StatusOr<UniqueFd> OpenBelow(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how)));
  if (!fd.valid()) return ErrnoStatus(errno, fmt::format("subPath '{}'", path));
  return fd;
}

// Where the name of a tree stands in the path of a mount's root; npos when it shows none.
size_t NamePosition(const std::string& root) {
  const size_t at = root.find(kPublished);
  if (at == std::string::npos) return at;
  const size_t name = at + kPublished.size();
  const size_t digits = std::min(root.find_first_not_of("0123456789abcdef", name), root.size()) - name;
  const bool ends = name + digits == root.size() || root[name + digits] == '/';
  return digits == kNameLength && ends ? name : std::string::npos;
}

}  // namespace

Status NativeTree::Check(int root, uid_t owner) {
  struct stat st{};
  if (::fstat(root, &st) != 0) return ErrnoStatus(errno, "the published tree");
  if (!S_ISDIR(st.st_mode) || st.st_uid != owner) {
    return PermissionDenied("the published tree is no directory of the pool's own");
  }
  UniqueFd directory(::openat(root, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus(errno, "the published tree");
  return Checker(owner, st.st_dev).CheckDirectory(std::move(directory), "", 0);
}

Status NativeTree::Mount(int root, int target, int owner_map, const Mounter::BindOptions& options) {
  ASSIGN_OR_RETURN(const UniqueFd shown, OpenBelow(root, options.sub_path));
  const UniqueFd tree(::open_tree(shown.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!tree.valid()) return ErrnoStatus(errno, "clone the mount of the published tree");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_IDMAP;
  (options.no_exec ? attributes.attr_set : attributes.attr_clr) |= MOUNT_ATTR_NOEXEC;
  if (options.no_atime) {
    attributes.attr_clr |= MOUNT_ATTR__ATIME;
    attributes.attr_set |= MOUNT_ATTR_NOATIME;
  }
  attributes.userns_fd = static_cast<uint64_t>(owner_map);
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return errno == EINVAL ? FailedPrecondition("this kernel or file system has no idmapped mounts")
                           : ErrnoStatus(errno, "make the published tree's mount read-only");
  }
  if (::move_mount(tree.get(), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, "mount the published tree");
  }
  return absl::OkStatus();
}

bool NativeTree::IsName(const std::string& name) {
  return name.size() == kNameLength && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string NativeTree::NameOf(const MountInfo& mount) {
  const size_t at = NamePosition(mount.root);
  return at == std::string::npos ? "" : mount.root.substr(at, kNameLength);
}

std::string NativeTree::SubPathOf(const MountInfo& mount) {
  const size_t at = NamePosition(mount.root);
  if (at == std::string::npos || at + kNameLength == mount.root.size()) return "";
  return mount.root.substr(at + kNameLength + 1);
}

StatusOr<std::set<std::string>> NativeTree::Mounted() {
  ASSIGN_OR_RETURN(const std::vector<MountInfo> mounts, ListMounts());
  std::set<std::string> names;
  for (const MountInfo& mount : mounts) {
    if (std::string name = NameOf(mount); !name.empty()) names.insert(std::move(name));
  }
  return names;
}

}  // namespace sluice::csi

#include "csi/daemon_volumes.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "common/suggest.h"

namespace sluice::csi {
namespace {

// What the kubelet adds to a volume's attributes, whatever the pod's author wrote there.
// https://kubernetes-csi.github.io/docs/pod-info.html
constexpr std::string_view kKubelet = "csi.storage.k8s.io/";
constexpr const char* kEphemeral = "csi.storage.k8s.io/ephemeral";
constexpr const char* kNamespace = "csi.storage.k8s.io/pod.namespace";
constexpr const char* kServiceAccount = "csi.storage.k8s.io/serviceAccount.name";

constexpr std::string_view kKeys[] = {"pool", "directory"};

std::string Get(const StringMap& context, const std::string& key) {
  const auto found = context.find(key);
  return found == context.end() ? "" : found->second;
}

Status CheckKeys(const StringMap& context) {
  for (const auto& [key, value] : context) {
    if (key.starts_with(kKubelet) || std::ranges::find(kKeys, key) != std::end(kKeys)) continue;
    return InvalidArgument(
        "inline volume attribute '{}' is not known{}: inline volumes are for the pods of daemons; others use a "
        "PersistentVolumeClaim",
        key, DidYouMean(key, kKeys));
  }
  return absl::OkStatus();
}

Status CheckPod(const PoolConfig& pool, const StringMap& context) {
  const std::string whose = fmt::format("{}/{}", Get(context, kNamespace), Get(context, kServiceAccount));
  if (!pool.attached) {
    return PermissionDenied(
        "pool {}: the plugin starts its daemon itself: no pod gets its directories (the "
        "configuration has no 'attached')",
        pool.name);
  }
  const std::string allowed = fmt::format("{}/{}", pool.attached->pod_namespace, pool.attached->service_account);
  if (pool.attached->service_account.empty() || whose != allowed) {
    return PermissionDenied("pool {}: its directories are for pods of the service account '{}', not of '{}'", pool.name,
                            allowed, whose);
  }
  return absl::OkStatus();
}

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileId&) const = default;
};

StatusOr<FileId> IdOf(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return ErrnoStatus(errno, "a directory");
  return FileId{st.st_dev, st.st_ino};
}

StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  return fd;
}

// With what is mounted below it, now and later: the DRAM tier's tmpfs. What happens at the target stays there.
Status MountTree(int source, int target, bool read_only) {
  const UniqueFd tree(::open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
  if (!tree.valid()) return ErrnoStatus(errno, "clone the mount of a pool's directory");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | (read_only ? MOUNT_ATTR_RDONLY : 0);
  attributes.propagation = MS_SLAVE;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0)
    return ErrnoStatus(errno, "the mount of a pool's directory");
  if (::move_mount(tree.get(), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    return ErrnoStatus(errno, "mount a pool's directory");
  return absl::OkStatus();
}

}  // namespace

bool DaemonVolumes::IsAskedFor(const StringMap& context) { return Get(context, kEphemeral) == "true"; }

StatusOr<std::string> DaemonVolumes::PathOf(const PoolConfig& pool, const std::string& directory) const {
  if (directory == "pool") return PoolDirectory(state_directory_, pool.name);
  if (directory == "config") return PoolConfigDirectory(state_directory_);
  std::vector<std::string_view> names = {"pool", "config"};
  for (const TierConfig& tier : pool.tiers) {
    if (tier.medium == directory) return tier.path;
    names.push_back(tier.medium);
  }
  return InvalidArgument("inline volume attribute 'directory': pool {} has no '{}'{}", pool.name, directory,
                         DidYouMean(directory, names));
}

StatusOr<Effect> DaemonVolumes::Publish(const std::string& target, const StringMap& context, bool read_only) const {
  RETURN_IF_ERROR(CheckKeys(context));
  const std::string name = Get(context, "pool");
  ASSIGN_OR_RETURN(Pool* const pool, pools_.Find(name.empty() ? "default" : name));
  const PoolConfig config = pool->config();
  RETURN_IF_ERROR(CheckPod(config, context));
  const std::string directory = Get(context, "directory");
  ASSIGN_OR_RETURN(const std::string path, PathOf(config, directory));
  ASSIGN_OR_RETURN(const UniqueFd source, OpenDirectory(path));
  RETURN_IF_ERROR(mounter_.MakeDirectory(target));
  ASSIGN_OR_RETURN(const UniqueFd there, mounter_.Open(target));
  ASSIGN_OR_RETURN(const FileId shown, IdOf(there.get()));
  ASSIGN_OR_RETURN(const FileId wanted, IdOf(source.get()));
  if (shown == wanted) return Effect::kNone;
  RETURN_IF_ERROR(mounter_.Unmount(target));
  ASSIGN_OR_RETURN(const UniqueFd empty, mounter_.Open(target));
  RETURN_IF_ERROR(MountTree(source.get(), empty.get(), read_only || directory == "config"));
  spdlog::info("pool {}: a pod of {}/{} has its directory {}", config.name, config.attached->pod_namespace,
               config.attached->service_account, path);
  return Effect::kDone;
}

bool DaemonVolumes::IsAt(const std::string& path) const {
  const auto there = OpenDirectory(path);
  if (!there.ok()) return false;
  const auto id = IdOf(there->get());
  for (const Pool* const pool : pools_.All()) {
    const PoolConfig config = pool->config();
    std::vector<std::string> directories = {PoolDirectory(state_directory_, config.name),
                                            PoolConfigDirectory(state_directory_)};
    for (const TierConfig& tier : config.tiers) directories.push_back(tier.path);
    for (const std::string& directory : directories) {
      const auto own = OpenDirectory(directory);
      if (own.ok() && id.ok() && IdOf(own->get()).value_or(FileId{}) == *id) return true;
    }
  }
  return false;
}

}  // namespace sluice::csi

#include "csi/node_plugin.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "csi/controller_service.h"
#include "csi/csi_server.h"
#include "csi/daemon_volumes.h"
#include "csi/identity_service.h"
#include "csi/kubelet_registration.h"
#include "csi/node_admin_service.h"
#include "csi/node_service.h"
#include "csi/owner_maps.h"
#include "csi/pool_directories.h"
#include "csi/privileges.h"
#include "csi/restorer.h"

namespace sluice::csi {
namespace {

// Less than a pod is given to end.
constexpr Duration kHandOverMax = std::chrono::seconds(15);

// One plugin at a time speaks to the daemons: it waits for one that is about to end.
StatusOr<UniqueFd> LockState(const std::string& directory) {
  constexpr int kTriesMax = 300;
  const std::string path = directory + "/plugin.lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return ErrnoStatus(errno, path);
  for (int i = 0; ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, path);
    if (i == kTriesMax) return FailedPrecondition("another plugin uses --state-dir {}; stop it first", directory);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return lock;
}

// A plugin that starts no daemon can do without the most of what root may, once the pools have their directories.
Status GiveUpPrivileges(const PoolConfigs& configs) {
  const auto is_attached = [](const auto& entry) { return entry.second.attached.has_value(); };
  if (!std::ranges::all_of(configs, is_attached)) return KeepRightsToStartDaemons();
  std::vector<gid_t> groups;
  for (const auto& [name, config] : configs) groups.push_back(static_cast<gid_t>(config.gid));
  return KeepRightToMount(groups);
}

StatusOr<std::unique_ptr<Pools>> StartPools(const NodeFlags& flags, const PoolConfigs& configs, Restorer& restorer) {
  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "sluiced";
  return Pools::Start(configs, {.name = {},
                                .configs = {},
                                .state_directory = flags.state_directory,
                                .run_directory = flags.run_directory,
                                .config_file = flags.config_file,
                                .daemon_program = program,
                                .on_lost = [&restorer] { restorer.Wake(); }});
}

}  // namespace

Status ServeNode(const NodeFlags& flags, const sigset_t& signals) {
  if (::geteuid() != 0) return PermissionDenied("sluice-csi mounts file systems: it must run as root");
  std::error_code error;
  std::filesystem::create_directories(flags.state_directory, error);
  if (error) return Unavailable("--state-dir {}: {}", flags.state_directory, error.message());
  ASSIGN_OR_RETURN(const UniqueFd lock, LockState(flags.state_directory));
  ASSIGN_OR_RETURN(const PoolConfigs configs, LoadPoolConfigs(flags.config_file, flags.state_directory));
  ASSIGN_OR_RETURN(const std::unique_ptr<OwnerMaps> owner_maps, OwnerMaps::Start());
  for (const auto& [name, config] : configs)
    RETURN_IF_ERROR(Annotate(MakePoolDirectories(flags.state_directory, config), fmt::format("pool {}", name)));
  RETURN_IF_ERROR(GiveUpPrivileges(configs));
  ASSIGN_OR_RETURN(const std::string socket, ClaimCsiSocket(flags.endpoint));
  ASSIGN_OR_RETURN(const auto records, VolumeRecords::Open(flags.state_directory + "/volumes"));
  const Mounter mounter(flags.kubelet_directory);
  const Staging staging(mounter);
  KeyedLock turns;
  Restorer restorer(staging, turns);
  ASSIGN_OR_RETURN(const auto pools, StartPools(flags, configs, restorer));
  IdentityService identity([&pools] { return pools->AllReady(); });
  ControllerService controller(*records, *pools);
  NodeAdminService node_admin(*pools);
  const DaemonVolumes daemon_volumes(mounter, *pools, flags.state_directory);
  NodeService node(flags.node_id, {.mounter = mounter,
                                   .staging = staging,
                                   .pools = *pools,
                                   .daemon_volumes = daemon_volumes,
                                   .owner_maps = *owner_maps,
                                   .turns = turns});
  const std::jthread restoring = restorer.Start(*pools);
  ASSIGN_OR_RETURN(const auto server, CsiServer::Start(socket, {&identity, &controller, &node, &node_admin}));
  spdlog::info("sluice-csi {} serves {} for node {}", SLUICE_VERSION, socket, flags.node_id);
  std::unique_ptr<KubeletRegistration> registration;
  if (!flags.registration_directory.empty()) {
    ASSIGN_OR_RETURN(registration, KubeletRegistration::Start(flags.registration_directory, socket));
  }
  AwaitSignal(signals);
  pools->AwaitDaemons(kHandOverMax);
  return absl::OkStatus();
}

}  // namespace sluice::csi

// sluice-csi: the CSI plugin of a node. Mounts, starts and supervises the cache daemons; see docs/architecture.md.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "common/unix_socket.h"
#include "csi/controller_service.h"
#include "csi/daemon_volumes.h"
#include "csi/identity_service.h"
#include "csi/node_admin_service.h"
#include "csi/node_service.h"
#include "csi/owner_maps.h"
#include "csi/pool_directories.h"
#include "csi/privileges.h"
#include "csi/restorer.h"

namespace sluice::csi {
namespace {

struct Flags {
  std::string endpoint;
  std::string node_id;
  std::string state_directory;
  std::string run_directory = "/run/sluice";
  std::string config_file;
  std::string kubelet_directory;
};

// The socket's path; a stale file is removed, a living listener is an error.
StatusOr<std::string> PrepareSocket(const std::string& endpoint) {
  if (!endpoint.starts_with("unix://")) return InvalidArgument("--endpoint '{}': write unix:///PATH", endpoint);
  const std::string path = endpoint.substr(7);
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  if (IsAnswered(address)) {
    return FailedPrecondition("another plugin serves {}; stop it first", path);
  }
  ::unlink(path.c_str());
  return path;
}

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

Status Serve(const Flags& flags, const sigset_t& signals) {
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
  ASSIGN_OR_RETURN(const std::string socket, PrepareSocket(flags.endpoint));
  ASSIGN_OR_RETURN(const auto records, VolumeRecords::Open(flags.state_directory + "/volumes"));
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "sluiced";
  const Mounter mounter(flags.kubelet_directory);
  const Staging staging(mounter);
  KeyedLock turns;
  Restorer restorer(staging, turns);
  ASSIGN_OR_RETURN(const auto pools, Pools::Start(configs, {.name = {},
                                                            .configs = {},
                                                            .state_directory = flags.state_directory,
                                                            .run_directory = flags.run_directory,
                                                            .config_file = flags.config_file,
                                                            .daemon_program = program,
                                                            .on_lost = [&restorer] { restorer.Wake(); }}));
  IdentityService identity(*pools);
  ControllerService controller(*records, *pools);
  NodeAdminService node_admin(*pools);
  const DaemonVolumes daemon_volumes(mounter, *pools, flags.state_directory);
  NodeService node(flags.node_id, {.mounter = mounter,
                                   .staging = staging,
                                   .pools = *pools,
                                   .daemon_volumes = daemon_volumes,
                                   .owner_maps = *owner_maps,
                                   .turns = turns});

  grpc::ResourceQuota quota("csi");
  quota.SetMaxThreads(64);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.AddListeningPort("unix://" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&identity);
  builder.RegisterService(&controller);
  builder.RegisterService(&node);
  builder.RegisterService(&node_admin);
  ::umask(0077);  // the socket is root's alone
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return Unavailable("{} cannot be listened on", socket);
  spdlog::info("sluice-csi {} serves {} for node {}", SLUICE_VERSION, socket, flags.node_id);

  const std::jthread restoring = restorer.Start(*pools);
  int signal = 0;
  ::sigwait(&signals, &signal);
  spdlog::info("signal {}: sluice-csi stops", signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  ::unlink(socket.c_str());
  return absl::OkStatus();
}

}  // namespace
}  // namespace sluice::csi

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any other thread begins
  spdlog::set_default_logger(spdlog::stderr_logger_mt("sluice-csi"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l sluice-csi[%P] %v");

  CLI::App app("sluice-csi: the CSI plugin of a node.");
  sluice::csi::Flags flags;
  app.add_option("--endpoint", flags.endpoint, "Where to listen: unix:///PATH")->required();
  app.add_option("--node-id", flags.node_id, "The node's name in Kubernetes")->required();
  app.add_option("--state-dir", flags.state_directory, "Directory for caches and records")->required();
  app.add_option("--run-dir", flags.run_directory,
                 "Directory for what must not reach a disk, on a tmpfs; outlives the plugin")
      ->capture_default_str();
  app.add_option("--config", flags.config_file, "Configuration file (docs/configuration.md); none: the defaults");
  app.add_option("--kubelet-dir", flags.kubelet_directory,
                 "Accept only staging and target paths below this directory, such as /var/lib/kubelet");
  app.set_version_flag("--version", SLUICE_VERSION);
  CLI11_PARSE(app, argc, argv);
  const sluice::Status status = sluice::csi::Serve(flags, signals);
  if (status.ok()) return 0;
  spdlog::error("{}", sluice::Message(status));
  return 1;
}

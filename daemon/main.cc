// sluiced: the unprivileged cache daemon of one pool. The plugin starts it, or it is attached; see
// docs/architecture.md.
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <iostream>
#include <thread>

#include "common/memory_limit.h"
#include "common/pool_config.h"
#include "daemon/confinement.h"
#include "daemon/daemon.h"
#include "daemon/keep_alive.h"
#include "daemon/metrics_server.h"

namespace sluice::daemon {
namespace {

// SIGTERM and SIGINT end Run in good order.
class SignalWatch {
 public:
  SignalWatch() {
    ::sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT}) ::sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);  // before any other thread begins
  }
  void Start(Daemon& daemon) {
    thread_ = std::thread([this, &daemon] {
      int signal = 0;
      ::sigwait(&signals_, &signal);
      if (over_) return;
      spdlog::info("signal {}: sluiced stops", signal);
      daemon.Stop();
    });
  }
  // The daemon may go: a signal that comes from now on finds it ending already.
  void Stop() {
    over_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }

 private:
  sigset_t signals_{};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

StatusOr<std::string> ConfineTo(const PoolConfig& config, const std::string& pool_directory) {
  ConfinedTo to{.writable = {pool_directory}, .readable = config.source_directories, .tcp_port = {}};
  for (const TierConfig& tier : config.tiers) to.writable.push_back(tier.path);
  if (!config.ca_file.empty()) to.readable.push_back(config.ca_file);
  if (!config.metrics_listen.empty()) {
    ASSIGN_OR_RETURN(to.tcp_port, MetricsServer::PortOf(config.metrics_listen));
  }
  return Confine(to);
}

struct Flags {
  std::string config_file;
  std::string state_directory;
  std::string pool = "default";
  bool attached = false;
  uint64_t restarts = 0;
};

// One daemon at a time serves a pool. An attached one waits for the one before it: its pod may start before that one's
// has ended.
StatusOr<UniqueFd> LockPool(const std::string& directory, bool waits) {
  const std::string path = directory + "/daemon.lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.valid()) return ErrnoStatus(errno, path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (!waits) return FailedPrecondition("another daemon serves the pool: it has locked {}", path);
  spdlog::info("another daemon serves the pool; this one waits for its end");
  if (::flock(lock.get(), LOCK_EX) != 0) return ErrnoStatus(errno, path);
  return lock;
}

Status Serve(const Flags& flags) {
  const std::string& pool = flags.pool;
  const std::string directory = PoolDirectory(flags.state_directory, pool);
  if (::geteuid() == 0) return FailedPrecondition("sluiced must not run as root; it needs a user of its own");
  ASSIGN_OR_RETURN(const UniqueFd lock, LockPool(directory, flags.attached));
  ASSIGN_OR_RETURN(const PoolConfigs pools, LoadPoolConfigs(flags.config_file, flags.state_directory));
  if (!pools.contains(pool)) return NotFound("the configuration {} has no pool '{}'", flags.config_file, pool);
  const auto overridden = OverriddenConfig::Load(pools, pool, directory + "/overrides.yaml", MemoryLimit());
  const PoolConfig& config = overridden.in_force();
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  ::umask(0077);  // names and bytes of the datasets are the pool's alone
  ASSIGN_OR_RETURN(const std::string confinement, ConfineTo(config, directory));
  spdlog::info("confined by: {}", confinement);
  SignalWatch signals;
  ASSIGN_OR_RETURN(const std::unique_ptr<Daemon> daemon, Daemon::Start({.pool_directory = directory,
                                                                        .config = overridden,
                                                                        .version = SLUICE_VERSION,
                                                                        .confinement = confinement,
                                                                        .restarts = flags.restarts,
                                                                        .attached = flags.attached}));
  signals.Start(*daemon);
  daemon->Run();
  signals.Stop();
  return absl::OkStatus();
}

int Run(const Flags& flags) {
  const Status status = Serve(flags);
  if (status.ok()) return 0;
  spdlog::error("{}", Message(status));
  return 1;
}

// Buffers of megabytes come and go with every fetch. Kept by the allocator, in one arena, they cost no page faults;
// what is not used the cache gives back to the system when it rests (Cache::ReturnMemory).
void KeepBuffers() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

}  // namespace
}  // namespace sluice::daemon

int main(int argc, char** argv) {
  sluice::daemon::KeepBuffers();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("sluiced"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l sluiced[%P] %v");
  CLI::App app("sluiced: serves the volumes of one pool from its cache. Started by sluice-csi, or attached to it.");
  sluice::daemon::Flags flags;
  app.add_option("--config", flags.config_file, "Configuration file (docs/configuration.md); none: the defaults");
  app.add_option("--state-dir", flags.state_directory, "The plugin's state directory")->required();
  app.add_option("--pool", flags.pool, "The pool to serve")->capture_default_str();
  app.add_flag("--attached", flags.attached,
               "Not started by sluice-csi (docs/operations.md): waits for the pool's daemon before it to end, and is "
               "started again when it dies");
  app.add_option("--restarts", flags.restarts, "How often the plugin has started this daemon again");
  app.set_version_flag("--version", SLUICE_VERSION);
  CLI11_PARSE(app, argc, argv);
  if (!flags.attached) return sluice::daemon::Run(flags);
  return sluice::daemon::KeepAlive([&flags](uint64_t restarts) {
    flags.restarts = restarts;
    return sluice::daemon::Run(flags);
  });
}

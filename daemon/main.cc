// sluiced: the unprivileged cache daemon of one pool. The plugin starts it; see docs/architecture.md.
#include <malloc.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
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

Status Serve(const std::string& config_file, const std::string& state_directory, const std::string& pool,
             uint64_t restarts) {
  ASSIGN_OR_RETURN(const PoolConfigs pools, LoadPoolConfigs(config_file, state_directory));
  const auto found = pools.find(pool);
  if (found == pools.end()) return NotFound("the configuration {} has no pool '{}'", config_file, pool);
  PoolConfig config = found->second;
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  if (::geteuid() == 0)
    return FailedPrecondition("sluiced must not run as root; sluice-csi starts it as a user of its own");
  const uint64_t memory = MemoryLimit();
  if (const std::string lowered = FitMemory(pools, memory, &config); !lowered.empty()) {
    spdlog::warn("{} of memory, by a control group or the machine, is less than configured: {}", FormatBytes(memory),
                 lowered);
  }
  ::umask(0077);  // names and bytes of the datasets are the pool's alone
  ASSIGN_OR_RETURN(const std::string confinement, ConfineTo(config, PoolDirectory(state_directory, pool)));
  spdlog::info("confined by: {}", confinement);
  SignalWatch signals;
  ASSIGN_OR_RETURN(const std::unique_ptr<Daemon> daemon,
                   Daemon::Start({.pool_directory = PoolDirectory(state_directory, pool),
                                  .config = config,
                                  .version = SLUICE_VERSION,
                                  .confinement = confinement,
                                  .restarts = restarts}));
  signals.Start(*daemon);
  daemon->Run();
  signals.Stop();
  return absl::OkStatus();
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
  CLI::App app("sluiced: serves the volumes of one pool from its cache. Started by sluice-csi.");
  std::string config_file;
  std::string state_directory;
  std::string pool = "default";
  app.add_option("--config", config_file, "Configuration file (docs/configuration.md); none: the defaults");
  app.add_option("--state-dir", state_directory, "The plugin's state directory")->required();
  app.add_option("--pool", pool, "The pool to serve");
  uint64_t restarts = 0;
  app.add_option("--restarts", restarts, "How often the plugin has started this daemon again");
  app.set_version_flag("--version", SLUICE_VERSION);
  CLI11_PARSE(app, argc, argv);
  const sluice::Status status = sluice::daemon::Serve(config_file, state_directory, pool, restarts);
  if (status.ok()) return 0;
  spdlog::error("{}", sluice::Message(status));
  return 1;
}

// sluice-csi: the CSI plugin of a node. Mounts, starts and supervises the cache daemons; see docs/architecture.md.
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "csi/node_plugin.h"

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any other thread begins
  spdlog::set_default_logger(spdlog::stderr_logger_mt("sluice-csi"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l sluice-csi[%P] %v");

  CLI::App app("sluice-csi: the CSI plugin of a node.");
  sluice::csi::NodeFlags flags;
  app.add_option("--endpoint", flags.endpoint, "Where to listen: unix:///PATH")->required();
  app.add_option("--node-id", flags.node_id, "The node's name in Kubernetes")->required();
  app.add_option("--state-dir", flags.state_directory, "Directory for caches and records")->required();
  app.add_option("--run-dir", flags.run_directory,
                 "Directory for what must not reach a disk, on a tmpfs; outlives the plugin")
      ->capture_default_str();
  app.add_option("--config", flags.config_file, "Configuration file (docs/configuration.md); none: the defaults");
  app.add_option("--kubelet-dir", flags.kubelet_directory,
                 "Accept only staging and target paths below this directory, such as /var/lib/kubelet");
  app.add_option("--registration-dir", flags.registration_directory,
                 "Register with the kubelet by a socket in this directory, such as /var/lib/kubelet/plugins_registry; "
                 "none: somebody else does");
  app.set_version_flag("--version", SLUICE_VERSION);
  CLI11_PARSE(app, argc, argv);
  const sluice::Status status = sluice::csi::ServeNode(flags, signals);
  if (status.ok()) return 0;
  spdlog::error("{}", sluice::Message(status));
  return 1;
}

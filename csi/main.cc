// sluice-csi: the CSI plugin of a node, which mounts, starts and supervises the cache daemons, or of a cluster's
// controller; see docs/architecture.md.
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "csi/controller_plugin.h"
#include "csi/node_plugin.h"

namespace {

sluice::Status CheckFlags(const sluice::csi::NodeFlags& flags, bool is_node, bool has_flags_of_node) {
  if (is_node && flags.node_id.empty()) return sluice::InvalidArgument("--node-id is missing; give the node's name");
  if (is_node && flags.state_directory.empty())
    return sluice::InvalidArgument("--state-dir is missing; give a directory");
  if (!is_node && has_flags_of_node)
    return sluice::InvalidArgument("--mode=controller has no node: it takes --endpoint and no other flag");
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any other thread begins
  spdlog::set_default_logger(spdlog::stderr_logger_mt("sluice-csi"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l sluice-csi[%P] %v");

  CLI::App app("sluice-csi: the CSI plugin of a node, or of a cluster's controller.");
  sluice::csi::NodeFlags flags;
  std::string mode = "node";
  app.add_option("--mode", mode,
                 "node: everything that a node needs; controller: CreateVolume and its like alone, beside "
                 "csi-provisioner, without any right")
      ->check(CLI::IsMember({"node", "controller"}))
      ->capture_default_str();
  app.add_option("--endpoint", flags.endpoint, "Where to listen: unix:///PATH")->required();
  auto* const node_only = app.add_option_group("--mode=node");
  node_only->add_option("--node-id", flags.node_id, "The node's name in Kubernetes; needed");
  node_only->add_option("--state-dir", flags.state_directory, "Directory for caches and records; needed");
  node_only
      ->add_option("--run-dir", flags.run_directory,
                   "Directory for what must not reach a disk, on a tmpfs; outlives the plugin")
      ->capture_default_str();
  node_only->add_option("--config", flags.config_file,
                        "Configuration file (docs/configuration.md); none: the defaults");
  node_only->add_option("--kubelet-dir", flags.kubelet_directory,
                        "Accept only staging and target paths below this directory, such as /var/lib/kubelet");
  node_only->add_option(
      "--registration-dir", flags.registration_directory,
      "Register with the kubelet by a socket in this directory, such as /var/lib/kubelet/plugins_registry; "
      "none: somebody else does");
  app.set_version_flag("--version", SLUICE_VERSION);
  CLI11_PARSE(app, argc, argv);
  const bool is_node = mode == "node";
  sluice::Status status = CheckFlags(flags, is_node, node_only->count_all() > 0);
  if (status.ok()) {
    status = is_node ? sluice::csi::ServeNode(flags, signals) : sluice::csi::ServeController(flags.endpoint, signals);
  }
  if (status.ok()) return 0;
  spdlog::error("{}", sluice::Message(status));
  return 1;
}

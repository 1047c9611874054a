// sluice upgrade: another daemon in the place of the one that runs, through the plugin's CSI socket.
#include <fmt/format.h>

#include <filesystem>

#include "cli/commands.h"
#include "proto/node.grpc.pb.h"

namespace sluice::cli {

int Upgrade(const Globals& globals, const UpgradeFlags& flags) {
  node::v1::UpgradeRequest request;
  request.set_pool(flags.pool);
  if (!flags.program.empty()) request.set_program(std::filesystem::absolute(flags.program).lexically_normal().string());
  request.set_deadline_ms(static_cast<uint32_t>(flags.deadline_seconds * 1000));
  const auto node = node::v1::NodeAdmin::NewStub(ConnectTo(flags.csi_socket));
  grpc::ClientContext context;
  node::v1::UpgradeResponse upgraded;
  const grpc::Status status = node->Upgrade(&context, request, &upgraded);
  if (!status.ok()) return ReportFrom(flags.csi_socket, status);
  if (globals.json()) {
    PrintJson(upgraded);
    return kOk;
  }
  fmt::print("pool {}: sluiced {} in the place of {}; {} volumes were served again after {} ms\n", flags.pool,
             upgraded.new_version(), upgraded.old_version(), upgraded.volumes(), upgraded.pause_ms());
  return kOk;
}

}  // namespace sluice::cli

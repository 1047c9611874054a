// What administrators ask of the plugin (proto/node.proto), on its CSI socket.
//
// Threads:  thread-safe.
// Limits:   an upgrade's deadline, kUpgradeDeadlineMax at most.
#pragma once

#include "csi/pools.h"
#include "proto/node.grpc.pb.h"

namespace sluice::csi {

class NodeAdminService final : public node::v1::NodeAdmin::Service {
 public:
  static constexpr Duration kUpgradeDeadline = std::chrono::minutes(1);
  static constexpr Duration kUpgradeDeadlineMax = std::chrono::minutes(30);

  explicit NodeAdminService(const Pools& pools) : pools_(pools) {}

  grpc::Status Upgrade(grpc::ServerContext*, const node::v1::UpgradeRequest* request,
                       node::v1::UpgradeResponse* reply) override;

 private:
  const Pools& pools_;
};

}  // namespace sluice::csi

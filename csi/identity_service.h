// CSI Identity: who we are, and whether the daemons answer.
#pragma once

#include "csi/pools.h"
#include "proto/csi.grpc.pb.h"

namespace sluice::csi {

inline constexpr const char* kDriverName = "sluice.csi.io";

class IdentityService final : public ::csi::v1::Identity::Service {
 public:
  explicit IdentityService(Pools& pools) : pools_(pools) {}

  grpc::Status GetPluginInfo(grpc::ServerContext*, const ::csi::v1::GetPluginInfoRequest*,
                             ::csi::v1::GetPluginInfoResponse* reply) override;
  grpc::Status GetPluginCapabilities(grpc::ServerContext*, const ::csi::v1::GetPluginCapabilitiesRequest*,
                                     ::csi::v1::GetPluginCapabilitiesResponse* reply) override;
  // Ready only when the daemon of every pool answers.
  grpc::Status Probe(grpc::ServerContext*, const ::csi::v1::ProbeRequest*, ::csi::v1::ProbeResponse* reply) override;

 private:
  Pools& pools_;
};

}  // namespace sluice::csi

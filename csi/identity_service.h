// CSI Identity: who we are, and whether we are ready.
//
// Threads:  thread-safe, as `is_ready` must be.
#pragma once

#include <functional>

#include "proto/csi.grpc.pb.h"

namespace sluice::csi {

inline constexpr const char* kDriverName = "sluice.csi.io";

class IdentityService final : public ::csi::v1::Identity::Service {
 public:
  explicit IdentityService(std::function<bool()> is_ready) : is_ready_(std::move(is_ready)) {}

  grpc::Status GetPluginInfo(grpc::ServerContext*, const ::csi::v1::GetPluginInfoRequest*,
                             ::csi::v1::GetPluginInfoResponse* reply) override;
  grpc::Status GetPluginCapabilities(grpc::ServerContext*, const ::csi::v1::GetPluginCapabilitiesRequest*,
                                     ::csi::v1::GetPluginCapabilitiesResponse* reply) override;
  grpc::Status Probe(grpc::ServerContext*, const ::csi::v1::ProbeRequest*, ::csi::v1::ProbeResponse* reply) override;

 private:
  const std::function<bool()> is_ready_;
};

}  // namespace sluice::csi

#include "csi/identity_service.h"

namespace sluice::csi {

grpc::Status IdentityService::GetPluginInfo(grpc::ServerContext*, const ::csi::v1::GetPluginInfoRequest*,
                                            ::csi::v1::GetPluginInfoResponse* reply) {
  reply->set_name(kDriverName);
  reply->set_vendor_version(SLUICE_VERSION);
  return grpc::Status::OK;
}

grpc::Status IdentityService::GetPluginCapabilities(grpc::ServerContext*,
                                                    const ::csi::v1::GetPluginCapabilitiesRequest*,
                                                    ::csi::v1::GetPluginCapabilitiesResponse* reply) {
  using Service = ::csi::v1::PluginCapability::Service;
  // Not VOLUME_ACCESSIBILITY_CONSTRAINTS: each node can serve each volume.
  reply->add_capabilities()->mutable_service()->set_type(Service::CONTROLLER_SERVICE);
  return grpc::Status::OK;
}

grpc::Status IdentityService::Probe(grpc::ServerContext*, const ::csi::v1::ProbeRequest*,
                                    ::csi::v1::ProbeResponse* reply) {
  reply->mutable_ready()->set_value(is_ready_());
  return grpc::Status::OK;
}

}  // namespace sluice::csi

#include "csi/cluster_controller.h"

#include "csi/call.h"
#include "csi/requested_volume.h"
#include "csi/volume_parameters.h"

namespace sluice::csi {

namespace v1 = ::csi::v1;

grpc::Status ClusterController::CreateVolume(grpc::ServerContext*, const v1::CreateVolumeRequest* request,
                                             v1::CreateVolumeResponse* reply) {
  return Call("CreateVolume", request->name(), [&]() -> Status {
    ASSIGN_OR_RETURN(const RequestedVolume volume, ParseCreateVolume(*request));
    FillVolume(volume.record, reply->mutable_volume());
    return absl::OkStatus();
  });
}

grpc::Status ClusterController::DeleteVolume(grpc::ServerContext*, const v1::DeleteVolumeRequest* request,
                                             v1::DeleteVolumeResponse*) {
  return Call("DeleteVolume", request->volume_id(), [&]() -> Status {
    if (request->volume_id().empty()) return InvalidArgument("DeleteVolume: 'volume_id' is missing");
    return absl::OkStatus();
  });
}

grpc::Status ClusterController::ValidateVolumeCapabilities(grpc::ServerContext*,
                                                           const v1::ValidateVolumeCapabilitiesRequest* request,
                                                           v1::ValidateVolumeCapabilitiesResponse* reply) {
  return Call("ValidateVolumeCapabilities", request->volume_id(), [&]() -> Status {
    RETURN_IF_ERROR(CheckValidateRequest(*request));
    const StringMap context(request->volume_context().begin(), request->volume_context().end());
    if (const auto parameters = ParseVolumeParameters(request->volume_id(), context); !parameters.ok()) {
      reply->set_message(std::string(Message(parameters.status())));
      return absl::OkStatus();
    }
    ConfirmCapabilities(*request, reply);
    return absl::OkStatus();
  });
}

grpc::Status ClusterController::ControllerGetCapabilities(grpc::ServerContext*,
                                                          const v1::ControllerGetCapabilitiesRequest*,
                                                          v1::ControllerGetCapabilitiesResponse* reply) {
  reply->add_capabilities()->mutable_rpc()->set_type(v1::ControllerServiceCapability::RPC::CREATE_DELETE_VOLUME);
  return grpc::Status::OK;
}

}  // namespace sluice::csi

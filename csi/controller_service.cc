#include "csi/controller_service.h"

#include "csi/call.h"
#include "csi/requested_volume.h"

namespace sluice::csi {
namespace v1 = ::csi::v1;

Status ControllerService::Create(const v1::CreateVolumeRequest& request, v1::CreateVolumeResponse* reply) {
  ASSIGN_OR_RETURN(const RequestedVolume volume, ParseCreateVolume(request));
  RETURN_IF_ERROR(pools_.Find(volume.pool).status());
  RETURN_IF_ERROR(records_.Create(volume.record));
  FillVolume(volume.record, reply->mutable_volume());
  return absl::OkStatus();
}

grpc::Status ControllerService::CreateVolume(grpc::ServerContext*, const v1::CreateVolumeRequest* request,
                                             v1::CreateVolumeResponse* reply) {
  return Call("CreateVolume", request->name(), [&] { return Create(*request, reply); });
}

grpc::Status ControllerService::DeleteVolume(grpc::ServerContext*, const v1::DeleteVolumeRequest* request,
                                             v1::DeleteVolumeResponse*) {
  return Call("DeleteVolume", request->volume_id(), [&]() -> Status {
    if (request->volume_id().empty()) return InvalidArgument("DeleteVolume: 'volume_id' is missing");
    if (pools_.Serving(request->volume_id()) != nullptr) {
      return FailedPrecondition("volume {} is staged on this node", request->volume_id());
    }
    return records_.Delete(request->volume_id());
  });
}

Status ControllerService::Validate(const v1::ValidateVolumeCapabilitiesRequest& request,
                                   v1::ValidateVolumeCapabilitiesResponse* reply) {
  RETURN_IF_ERROR(CheckValidateRequest(request));
  if (!records_.Find(request.volume_id())) return NotFound("no volume {}", request.volume_id());
  ConfirmCapabilities(request, reply);
  return absl::OkStatus();
}

grpc::Status ControllerService::ValidateVolumeCapabilities(grpc::ServerContext*,
                                                           const v1::ValidateVolumeCapabilitiesRequest* request,
                                                           v1::ValidateVolumeCapabilitiesResponse* reply) {
  return Call("ValidateVolumeCapabilities", request->volume_id(), [&] { return Validate(*request, reply); });
}

// A token is the id of the last volume of the page before, behind a mark that makes any other text no token.
Status ControllerService::List(const v1::ListVolumesRequest& request, v1::ListVolumesResponse* reply) {
  constexpr std::string_view kMark = "after:";
  const std::map<std::string, VolumeRecord> all = records_.All();
  auto at = all.begin();
  if (!request.starting_token().empty()) {
    if (!request.starting_token().starts_with(kMark)) {
      return Aborted("starting_token '{}' is none of ours; begin again without one", request.starting_token());
    }
    at = all.upper_bound(request.starting_token().substr(kMark.size()));
  }
  if (request.max_entries() < 0) return InvalidArgument("max_entries {} is negative", request.max_entries());
  for (; at != all.end(); ++at) {
    if (request.max_entries() > 0 && reply->entries_size() == request.max_entries()) {
      reply->set_next_token(std::string(kMark) + reply->entries().rbegin()->volume().volume_id());
      break;
    }
    FillVolume(at->second, reply->add_entries()->mutable_volume());
  }
  return absl::OkStatus();
}

grpc::Status ControllerService::ListVolumes(grpc::ServerContext*, const v1::ListVolumesRequest* request,
                                            v1::ListVolumesResponse* reply) {
  return Call("ListVolumes", "", [&] { return List(*request, reply); });
}

// What the cache of this node holds; a volume itself takes none of it.
grpc::Status ControllerService::GetCapacity(grpc::ServerContext*, const v1::GetCapacityRequest*,
                                            v1::GetCapacityResponse* reply) {
  reply->set_available_capacity(static_cast<int64_t>(pools_.capacity_bytes()));
  return grpc::Status::OK;
}

grpc::Status ControllerService::ControllerGetCapabilities(grpc::ServerContext*,
                                                          const v1::ControllerGetCapabilitiesRequest*,
                                                          v1::ControllerGetCapabilitiesResponse* reply) {
  using Rpc = v1::ControllerServiceCapability::RPC;
  for (const auto type : {Rpc::CREATE_DELETE_VOLUME, Rpc::LIST_VOLUMES, Rpc::GET_CAPACITY}) {
    reply->add_capabilities()->mutable_rpc()->set_type(type);
  }
  return grpc::Status::OK;
}

}  // namespace sluice::csi

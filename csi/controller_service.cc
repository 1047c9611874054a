#include "csi/controller_service.h"

#include "csi/call.h"
#include "csi/capabilities.h"
#include "csi/volume_parameters.h"

namespace sluice::csi {
namespace {

namespace v1 = ::csi::v1;

StringMap ToMap(const google::protobuf::Map<std::string, std::string>& map) { return {map.begin(), map.end()}; }

void FillVolume(const VolumeRecord& record, v1::Volume* volume) {
  volume->set_volume_id(record.id);
  volume->set_capacity_bytes(static_cast<int64_t>(record.capacity_bytes));
  volume->mutable_volume_context()->insert(record.parameters.begin(), record.parameters.end());
}

}  // namespace

Status ControllerService::Create(const v1::CreateVolumeRequest& request, v1::CreateVolumeResponse* reply) {
  if (request.name().empty()) return InvalidArgument("CreateVolume: 'name' is missing");
  RETURN_IF_ERROR(CheckCapabilities(request.volume_capabilities()));
  if (request.has_volume_content_source())
    return InvalidArgument("volumes cannot be made from snapshots or other volumes");
  VolumeRecord record;
  record.id = request.name();
  record.parameters = ToMap(request.parameters());
  ASSIGN_OR_RETURN(const VolumeParameters parameters, ParseVolumeParameters(record.id, record.parameters));
  RETURN_IF_ERROR(pools_.Find(parameters.pool).status());
  std::erase_if(record.parameters, [](const auto& entry) { return entry.first.starts_with("csi.storage.k8s.io/"); });
  const int64_t required = request.capacity_range().required_bytes();
  const int64_t limit = request.capacity_range().limit_bytes();
  if (required < 0 || limit < 0 || (limit > 0 && limit < required)) {
    return ::sluice::OutOfRange("a capacity from {} to {} bytes is not possible", required, limit);
  }
  record.capacity_bytes = static_cast<uint64_t>(required);
  RETURN_IF_ERROR(records_.Create(record));
  FillVolume(record, reply->mutable_volume());
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
  if (request.volume_id().empty()) return InvalidArgument("ValidateVolumeCapabilities: 'volume_id' is missing");
  if (request.volume_capabilities().empty()) {
    return InvalidArgument("ValidateVolumeCapabilities: 'volume_capabilities' is missing");
  }
  if (!records_.Find(request.volume_id())) return NotFound("no volume {}", request.volume_id());
  if (const Status status = CheckCapabilities(request.volume_capabilities()); !status.ok()) {
    reply->set_message(std::string(Message(status)));
    return absl::OkStatus();
  }
  *reply->mutable_confirmed()->mutable_volume_capabilities() = request.volume_capabilities();
  *reply->mutable_confirmed()->mutable_volume_context() = request.volume_context();
  *reply->mutable_confirmed()->mutable_parameters() = request.parameters();
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

#include "csi/requested_volume.h"

#include "csi/capabilities.h"
#include "csi/volume_parameters.h"

namespace sluice::csi {

namespace v1 = ::csi::v1;

StatusOr<RequestedVolume> ParseCreateVolume(const v1::CreateVolumeRequest& request) {
  if (request.name().empty()) return InvalidArgument("CreateVolume: 'name' is missing");
  RETURN_IF_ERROR(CheckCapabilities(request.volume_capabilities()));
  if (request.has_volume_content_source())
    return InvalidArgument("volumes cannot be made from snapshots or other volumes");
  RequestedVolume volume;
  volume.record.id = request.name();
  volume.record.parameters = {request.parameters().begin(), request.parameters().end()};
  ASSIGN_OR_RETURN(const VolumeParameters parameters, ParseVolumeParameters(request.name(), volume.record.parameters));
  volume.pool = parameters.pool;
  std::erase_if(volume.record.parameters,
                [](const auto& entry) { return entry.first.starts_with("csi.storage.k8s.io/"); });
  const int64_t required = request.capacity_range().required_bytes();
  const int64_t limit = request.capacity_range().limit_bytes();
  if (required < 0 || limit < 0 || (limit > 0 && limit < required)) {
    return OutOfRange("a capacity from {} to {} bytes is not possible", required, limit);
  }
  volume.record.capacity_bytes = static_cast<uint64_t>(required);
  return volume;
}

void FillVolume(const VolumeRecord& record, v1::Volume* volume) {
  volume->set_volume_id(record.id);
  volume->set_capacity_bytes(static_cast<int64_t>(record.capacity_bytes));
  volume->mutable_volume_context()->insert(record.parameters.begin(), record.parameters.end());
}

Status CheckValidateRequest(const v1::ValidateVolumeCapabilitiesRequest& request) {
  if (request.volume_id().empty()) return InvalidArgument("ValidateVolumeCapabilities: 'volume_id' is missing");
  if (request.volume_capabilities().empty()) {
    return InvalidArgument("ValidateVolumeCapabilities: 'volume_capabilities' is missing");
  }
  return absl::OkStatus();
}

void ConfirmCapabilities(const v1::ValidateVolumeCapabilitiesRequest& request,
                         v1::ValidateVolumeCapabilitiesResponse* reply) {
  if (const Status status = CheckCapabilities(request.volume_capabilities()); !status.ok()) {
    reply->set_message(std::string(Message(status)));
    return;
  }
  *reply->mutable_confirmed()->mutable_volume_capabilities() = request.volume_capabilities();
  *reply->mutable_confirmed()->mutable_volume_context() = request.volume_context();
  *reply->mutable_confirmed()->mutable_parameters() = request.parameters();
}

}  // namespace sluice::csi

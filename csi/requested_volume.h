// What CreateVolume is asked for, checked, and what is answered: the same for every kind of Controller.
//
// Threads:  pure functions.
// Errors:   INVALID_ARGUMENT, OUT_OF_RANGE that name the field or the parameter, and what would be right.
#pragma once

#include <string>

#include "common/status.h"
#include "csi/volume_records.h"
#include "proto/csi.pb.h"

namespace sluice::csi {

struct RequestedVolume {
  VolumeRecord record;  // its id is the request's name
  std::string pool;
};

StatusOr<RequestedVolume> ParseCreateVolume(const ::csi::v1::CreateVolumeRequest& request);

void FillVolume(const VolumeRecord& record, ::csi::v1::Volume* volume);

// INVALID_ARGUMENT when the request lacks what CSI requires.
Status CheckValidateRequest(const ::csi::v1::ValidateVolumeCapabilitiesRequest& request);

// Confirms what is asked for when the capabilities are possible; else the reply says why they are not.
void ConfirmCapabilities(const ::csi::v1::ValidateVolumeCapabilitiesRequest& request,
                         ::csi::v1::ValidateVolumeCapabilitiesResponse* reply);

}  // namespace sluice::csi

// Which volume capabilities are possible: a mounted file system, in any access mode. Volumes are read-only
// whatever the mode says (docs/semantics.md, "Writes").
//
// Threads:  pure functions.
#pragma once

#include "common/status.h"
#include "csi/mounter.h"
#include "proto/csi.pb.h"

namespace sluice::csi {

// INVALID_ARGUMENT with the reason.
Status CheckCapability(const ::csi::v1::VolumeCapability& capability);
Status CheckCapabilities(const google::protobuf::RepeatedPtrField<::csi::v1::VolumeCapability>& capabilities);

// Mount flags as Kubernetes' mountOptions give them: ro, noexec, noatime, nosuid, nodev and their like.
StatusOr<Mounter::BindOptions> ParseMountFlags(const ::csi::v1::VolumeCapability& capability);

}  // namespace sluice::csi

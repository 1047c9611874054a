// CSI Controller of a whole cluster, in a pod of its own: it keeps nothing and looks at nothing but the request.
//
// CreateVolume is a function of the request: a volume is a view of a source, whose parameters travel in the
// PersistentVolume. So it is idempotent by name; a name that comes again with other parameters is another volume of
// that name, where CSI wants ALREADY_EXISTS: nobody here remembers the first. csi-provisioner, which makes names of the
// claims' uids, never asks so. DeleteVolume has nothing to delete: what is cached goes when its place is wanted.
// ValidateVolumeCapabilities takes the volume for what its context says.
//
// Which pools there are only nodes know: any name that a pool can have is taken, and a node that lacks it says so when
// the volume is staged.
//
// Threads:  thread-safe; without state.
#pragma once

#include "proto/csi.grpc.pb.h"

namespace sluice::csi {

class ClusterController final : public ::csi::v1::Controller::Service {
 public:
#define SLUICE_CSI_CALL(Name)                                                                                        \
  grpc::Status Name(grpc::ServerContext*, const ::csi::v1::Name##Request* request, ::csi::v1::Name##Response* reply) \
      override
  SLUICE_CSI_CALL(CreateVolume);
  SLUICE_CSI_CALL(DeleteVolume);
  SLUICE_CSI_CALL(ValidateVolumeCapabilities);
  SLUICE_CSI_CALL(ControllerGetCapabilities);
#undef SLUICE_CSI_CALL
};

}  // namespace sluice::csi

// CSI Controller of a node by itself, without Kubernetes: volumes made from parameters. It only keeps records: a volume
// is a view of a source, there is nothing to allocate. A cluster's controller is ClusterController.
//
// Threads:  thread-safe.
#pragma once

#include "csi/pools.h"
#include "csi/volume_records.h"
#include "proto/csi.grpc.pb.h"

namespace sluice::csi {

class ControllerService final : public ::csi::v1::Controller::Service {
 public:
  ControllerService(VolumeRecords& records, Pools& pools) : records_(records), pools_(pools) {}

#define SLUICE_CSI_CALL(Name)                                                                                        \
  grpc::Status Name(grpc::ServerContext*, const ::csi::v1::Name##Request* request, ::csi::v1::Name##Response* reply) \
      override
  SLUICE_CSI_CALL(CreateVolume);
  SLUICE_CSI_CALL(DeleteVolume);
  SLUICE_CSI_CALL(ValidateVolumeCapabilities);
  SLUICE_CSI_CALL(ListVolumes);
  SLUICE_CSI_CALL(GetCapacity);
  SLUICE_CSI_CALL(ControllerGetCapabilities);
#undef SLUICE_CSI_CALL

 private:
  Status Create(const ::csi::v1::CreateVolumeRequest& request, ::csi::v1::CreateVolumeResponse* reply);
  Status Validate(const ::csi::v1::ValidateVolumeCapabilitiesRequest& request,
                  ::csi::v1::ValidateVolumeCapabilitiesResponse* reply);
  Status List(const ::csi::v1::ListVolumesRequest& request, ::csi::v1::ListVolumesResponse* reply);

  VolumeRecords& records_;
  Pools& pools_;
};

}  // namespace sluice::csi

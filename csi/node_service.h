// CSI Node: volumes staged (mounted and served) and published (bind-mounted) on this node.
//
// Every call is idempotent, may come at once with others for the same volume, and cleans up after an earlier try that
// broke off. What is staged is known from the kernel's mount table and the pools.
//
// Threads:   thread-safe; calls for one volume take turns.
// Limits:    kTurnDeadline for its turn; the Pool's deadlines; kVolumeDeadline for a volume that may hang.
#pragma once

#include "csi/call.h"
#include "csi/daemon_volumes.h"
#include "csi/keyed_lock.h"
#include "csi/mounter.h"
#include "csi/owner_maps.h"
#include "csi/pools.h"
#include "csi/staging.h"
#include "csi/volume_parameters.h"
#include "proto/csi.grpc.pb.h"

namespace sluice::csi {

class NodeService final : public ::csi::v1::Node::Service {
 public:
  static constexpr Duration kTurnDeadline = std::chrono::seconds(30);
  static constexpr Duration kReadyDeadline = std::chrono::seconds(20);
  static constexpr Duration kVolumeDeadline = std::chrono::seconds(10);
  static constexpr int64_t kVolumesMax = 1024;

  struct Context {
    const Mounter& mounter;
    const Staging& staging;
    Pools& pools;
    const DaemonVolumes& daemon_volumes;
    OwnerMaps& owner_maps;
    KeyedLock& turns;  // one for each volume
  };
  NodeService(std::string node_id, const Context& context)
      : node_id_(std::move(node_id)),
        mounter_(context.mounter),
        staging_(context.staging),
        pools_(context.pools),
        daemon_volumes_(context.daemon_volumes),
        owner_maps_(context.owner_maps),
        turns_(context.turns) {}

#define SLUICE_CSI_CALL(Name)                                                                                        \
  grpc::Status Name(grpc::ServerContext*, const ::csi::v1::Name##Request* request, ::csi::v1::Name##Response* reply) \
      override
  SLUICE_CSI_CALL(NodeStageVolume);
  SLUICE_CSI_CALL(NodeUnstageVolume);
  SLUICE_CSI_CALL(NodePublishVolume);
  SLUICE_CSI_CALL(NodeUnpublishVolume);
  SLUICE_CSI_CALL(NodeGetVolumeStats);
  SLUICE_CSI_CALL(NodeGetCapabilities);
  SLUICE_CSI_CALL(NodeGetInfo);
#undef SLUICE_CSI_CALL

 private:
  Status Stage(const ::csi::v1::NodeStageVolumeRequest& request);
  // True when it is mounted and served as asked for; clears away what is dead.
  StatusOr<bool> IsStaged(const std::string& path, const broker::v1::VolumeSpec& spec, const StringMap& secret);
  Status Unstage(const ::csi::v1::NodeUnstageVolumeRequest& request);
  StatusOr<Effect> Publish(const ::csi::v1::NodePublishVolumeRequest& request);
  StatusOr<Effect> PublishStaged(const ::csi::v1::NodePublishVolumeRequest& request);
  Status MountAt(const ::csi::v1::NodePublishVolumeRequest& request, const broker::v1::VolumeSpec& spec,
                 const Mounter::BindOptions& options, Pool& pool);
  // Mounts the volume's tree in the cache, if it is complete.
  Status PublishNatively(const broker::v1::VolumeSpec& spec, const std::string& target,
                         const Mounter::BindOptions& options, Pool& pool);
  Status MountTree(const Pool::Tree& tree, const Pool& pool, const broker::v1::VolumeSpec& spec,
                   const std::string& target, const Mounter::BindOptions& options);
  void ReleaseUnmounted(const std::string& tree);
  Status Unpublish(const ::csi::v1::NodeUnpublishVolumeRequest& request);
  Status GetStats(const ::csi::v1::NodeGetVolumeStatsRequest& request, ::csi::v1::NodeGetVolumeStatsResponse* reply);

  const std::string node_id_;
  const Mounter& mounter_;
  const Staging& staging_;
  Pools& pools_;
  const DaemonVolumes& daemon_volumes_;
  OwnerMaps& owner_maps_;
  KeyedLock& turns_;
};

}  // namespace sluice::csi

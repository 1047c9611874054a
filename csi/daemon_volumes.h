// What a daemon that has a pod of its own sees of the node: directories of its pool, as inline volumes of that pod. No
// host path is needed, so the pod can be one that Kubernetes' Pod Security calls restricted.
//
//   csi: {driver: sluice.csi.io, volumeAttributes: {pool: default, directory: pool}}
//
// `directory` is `pool` (sockets, index, catalogs, tiers without a path of their own), `config` (read-only; what the
// plugin tells daemons) or the medium of a tier. Whose pod it is says the kubelet (podInfoOnMount); the pool's
// configuration says which service account may have them.
//
// Threads:  thread-safe.
// Errors:   PERMISSION_DENIED for another's pod; INVALID_ARGUMENT for attributes; NOT_FOUND for a directory.
#pragma once

#include <string>

#include "common/status.h"
#include "common/unique_fd.h"
#include "csi/call.h"
#include "csi/mounter.h"
#include "csi/pools.h"
#include "csi/volume_parameters.h"

namespace sluice::csi {

class DaemonVolumes {
 public:
  DaemonVolumes(const Mounter& mounter, const Pools& pools, std::string state_directory)
      : mounter_(mounter), pools_(pools), state_directory_(std::move(state_directory)) {}

  // The kubelet asks for an inline volume; all of them are daemons'.
  static bool IsAskedFor(const StringMap& context);

  // Does nothing when it is there already.
  StatusOr<Effect> Publish(const std::string& target, const StringMap& context, bool read_only) const;

  // Whether the directory `path`, of no volume that a daemon serves, is one of a pool's.
  bool IsAt(const std::string& path) const;

 private:
  StatusOr<std::string> PathOf(const PoolConfig& pool, const std::string& directory) const;

  const Mounter& mounter_;
  const Pools& pools_;
  const std::string state_directory_;
};

}  // namespace sluice::csi

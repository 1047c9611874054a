// From what a StorageClass and a PersistentVolume say to a VolumeSpec: every key known, every value checked.
//
// docs/volume-parameters.md lists the keys. Keys of Kubernetes' own ("csi.storage.k8s.io/…", "storage.kubernetes.io/…")
// are passed over.
//
// Threads:  pure functions.
// Errors:   INVALID_ARGUMENT that names the key, the value and what would be right.
#pragma once

#include <map>
#include <string>

#include "common/status.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

using StringMap = std::map<std::string, std::string>;

struct VolumeParameters {
  broker::v1::VolumeSpec spec;  // without credentials
  std::string pool = "default";
  std::string sub_path;  // relative, without ".."
};

StatusOr<VolumeParameters> ParseVolumeParameters(const std::string& volume_id, const StringMap& parameters);

}  // namespace sluice::csi

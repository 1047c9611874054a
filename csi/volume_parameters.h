// From what a StorageClass, a PersistentVolume and a Secret say to a VolumeSpec: every key known, every value checked.
//
// docs/volume-parameters.md lists the keys. Keys of Kubernetes' own ("csi.storage.k8s.io/…", "storage.kubernetes.io/…")
// are passed over.
//
// Threads:  pure functions.
// Errors:   INVALID_ARGUMENT that names the key, the value and what would be right. No message holds a secret.
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

// accessKeyId, secretAccessKey, sessionToken; other keys are an error.
StatusOr<broker::v1::Credentials> ParseSecrets(const StringMap& secrets);

}  // namespace sluice::csi

// What becomes of a volume when it is given other parameters (docs/volume-parameters.md, "What changes while a volume
// is mounted"): mounts, consistency, metadataTtl and cache are other ones at once; what else is different is for its
// next mount.
//
// A volume keeps the source that it was made for as its name in the cache (VolumeSpec.source): what it shows instead
// are its `mounts` from then on.
//
// Threads:  pure functions.
// Errors:   INVALID_ARGUMENT as of the parameters and the Secret.
#pragma once

#include <string>
#include <vector>

#include "common/status.h"
#include "csi/volume_parameters.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

struct VolumeChange {
  broker::v1::VolumeSpec spec;         // with the credentials that it needs
  std::vector<std::string> unchanged;  // parameters that are different, and stay
};

// `parameters` are all of the volume's, `secret` is what is known of its Secret. Of a volume that is mounted:
StatusOr<VolumeChange> ChangeOf(const broker::v1::VolumeSpec& now, const StringMap& parameters,
                                const StringMap& secret);

// The same of one that is about to be mounted, as `made`: all of them hold.
StatusOr<broker::v1::VolumeSpec> SpecWith(const broker::v1::VolumeSpec& made, const StringMap& parameters,
                                          const StringMap& secret);

// The Secret, as far as these are of it.
StringMap SecretOf(const broker::v1::Credentials& credentials);

}  // namespace sluice::csi

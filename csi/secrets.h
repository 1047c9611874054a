// From a Secret to the credentials of a volume.
//
//   one source   the keys accessKeyId, secretAccessKey, sessionToken, and no others
//   mounts       the keys that the mounts name, whatever they are called; what nobody names is not kept
//
// Threads:  pure functions.
// Limits:   kSecretBytesMax per value, kSecretsBytesMax for all.
// Errors:   INVALID_ARGUMENT that names the key and what would be right. No message holds a value.
#pragma once

#include "common/bytes.h"
#include "common/status.h"
#include "csi/volume_parameters.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

inline constexpr size_t kSecretBytesMax = 8 * kKiB;    // servers take headers of that size
inline constexpr size_t kSecretsBytesMax = 48 * kKiB;  // a packet of the broker's holds them beside the volume

StatusOr<broker::v1::Credentials> ParseSecrets(const StringMap& secrets, const broker::v1::VolumeSpec& spec);

// Whether any are there: without them requests go unsigned.
bool HasCredentials(const broker::v1::Credentials& credentials);

}  // namespace sluice::csi

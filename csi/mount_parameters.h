// Where a volume's data comes from: the volume parameters `source`, `endpoint`, `region`, `pathStyle`, and `mounts`,
// which has them for each of several sources:
//
//   [{"path": "/train", "source": "s3://bucket/train", "endpoint": "https://…", "region": "…", "pathStyle": "true",
//     "credentials": {"accessKeyId": "KEY-OF-THE-SECRET", "secretAccessKey": "…", "sessionToken": "…"}}, …]
//
// Threads:  pure functions.
// Limits:   kMountsMax mounts in kMountsBytesMax bytes of JSON.
// Errors:   INVALID_ARGUMENT that names the value and what would be right.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <string>

#include "common/bytes.h"
#include "common/status.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

inline constexpr size_t kMountsMax = 64;
inline constexpr size_t kMountsBytesMax = 32 * kKiB;  // with the Secret's values it fits a packet of the broker's

using VolumeMounts = google::protobuf::RepeatedPtrField<broker::v1::VolumeMount>;

// In the order of their paths, no two of the same.
StatusOr<VolumeMounts> ParseMounts(const std::string& json);

Status CheckSource(const std::string& value);
Status CheckEndpoint(const std::string& value);
Status CheckRegion(const std::string& value);
StatusOr<bool> ParsePathStyle(const std::string& value);

// A word that can stand in an HTTP header.
bool IsOneWord(const std::string& value);

}  // namespace sluice::csi

// What may be asked of a prewarm job (proto/admin.proto, StartPrewarmRequest).
//
// Threads:  pure functions.
// Errors:   INVALID_ARGUMENT with the value and what would be right.
#pragma once

#include <string>

#include "common/status.h"
#include "proto/admin.pb.h"
#include "proto/broker.pb.h"

namespace sluice::daemon {

// As far as it can be said without the volume.
Status CheckRequest(const admin::v1::StartPrewarmRequest& request);
// Whether it goes with this volume.
Status CheckVolume(const admin::v1::StartPrewarmRequest& request, const broker::v1::VolumeSpec& volume);

// A client that names the job and the volume may have it wait for the volume. (What looks like a URI is a source.)
bool MayWaitForVolume(const admin::v1::StartPrewarmRequest& request);

// In what two requests differ: "limit_bytes_per_second: 1 -> 2"; empty when they are equal.
std::string DifferenceOf(const admin::v1::StartPrewarmRequest& first, const admin::v1::StartPrewarmRequest& second);

}  // namespace sluice::daemon

// What a volume may have of its pool's tiers, as the protocols say it, and what it has.
//
// Threads:  CacheLimitsOf: any; ShowCache: on the loop.
// Errors:   INVALID_ARGUMENT for limits that no plugin of this version would send.
#pragma once

#include "cache/dataset.h"
#include "proto/admin.pb.h"
#include "proto/broker.pb.h"

namespace sluice::daemon {

// nullopt: no limits.
StatusOr<std::optional<cache::CacheLimits>> CacheLimitsOf(const broker::v1::VolumeSpec& spec);

// Bytes, limits, and in notes what this node cannot give.
void ShowCache(const cache::Dataset& dataset, const cache::BlockStore& store, admin::v1::Mount* out);

}  // namespace sluice::daemon

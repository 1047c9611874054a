// The volume parameter `cache`: what a volume may have of its pool's tiers.
//
//   {"dram": {"quota": "16GiB", "highWatermark": "90%", "lowWatermark": "70%"}, "ssd": {"quota": "400GiB"}}
//
// A medium that is not named is not used; {} names none. What the pool of a node has is not known here.
//
// Threads:  pure functions.
// Errors:   INVALID_ARGUMENT that names the key, the value and what would be right.
#pragma once

#include <string>

#include "common/status.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

StatusOr<broker::v1::CacheLimits> ParseCacheLimits(const std::string& text);

// A quota that holds no more than a few blocks caches nothing to speak of.
Status CheckCacheLimits(const broker::v1::CacheLimits& limits, uint64_t block_size_bytes);

}  // namespace sluice::csi

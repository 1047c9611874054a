// The cache's options as the pool's configuration says them.
//
// Threads:  pure functions, over the tiers' file systems.
#pragma once

#include "cache/cache.h"
#include "common/pool_config.h"
#include "daemon/scrubber.h"

namespace sluice::daemon {

StatusOr<cache::CacheOptions> CacheOptionsOf(const PoolConfig& config, const std::string& pool_directory);
cache::FetchLimits FetchLimitsOf(const PoolConfig& config);
cache::Epochs EpochsOf(const PoolConfig& config);
ScrubOptions ScrubOptionsOf(const PoolConfig& config);

// INVALID_ARGUMENT for a quota that is larger than its file system.
Status CheckQuotas(const PoolConfig& config);

}  // namespace sluice::daemon

// How much memory there is for this process, and what a pool may keep in it.
//
// A DRAM tier is memory of the control group that the daemon runs in. One larger than the group's limit would have the
// kernel kill the daemon, whose tier outlives it: the next one would be killed as well, for ever, and readers wait.
//
// Threads:  pure functions over files.
#pragma once

#include <string>

#include "common/pool_config.h"

namespace sluice {

// For what is none of fills and tiers, per pool: requests, sockets, index, catalogs, what the allocator keeps.
constexpr uint64_t kOwnMemoryBytes = 128 * kMiB;

// The least of the machine's memory and the limits of the control groups that this process is in, as they are now.
// `root` is the directory that /proc and /sys are in.
uint64_t MemoryLimit(const std::string& root = "");

// Lowers fillMemory and the DRAM quota of `pool` to its share of `limit_bytes` if those of all `pools`, which run in
// one group, are more than fits. What was lowered, for the log; empty when all is as configured.
std::string FitMemory(const PoolConfigs& pools, uint64_t limit_bytes, PoolConfig* pool);

}  // namespace sluice

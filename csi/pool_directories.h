// The directories of a pool, which are its daemon's: made, and given away, before the daemon needs them.
//
// Threads:  any; no state.
// Errors:   PERMISSION_DENIED when one is not as it must be and this process may not change that; what the kernel says.
#pragma once

#include <string>

#include "common/pool_config.h"
#include "common/status.h"

namespace sluice::csi {

// STATE_DIRECTORY/pools/NAME, the directories of those tiers that have no path of their own, and a tmpfs for a DRAM
// tier. What is there and as it must be is left as it is.
Status MakePoolDirectories(const std::string& state_directory, const PoolConfig& config);

}  // namespace sluice::csi

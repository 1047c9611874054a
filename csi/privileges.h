// What the plugin gives up when it starts, so that a fault in it is worth less: everything that it does not need.
//
// Threads:  before any other thread begins; the calls count for those that begin later.
// Errors:   what the kernel says.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <vector>

#include "common/status.h"

namespace sluice::csi {

// Of the calling process' capabilities these alone are left, and it can gain no others, nor can what it starts.
Status KeepCapabilities(std::initializer_list<int> capabilities);

// Of a plugin that starts daemons, as users of their own, in directories that it makes for them.
Status KeepRightsToStartDaemons();

// Of a plugin whose daemons are all attached: CAP_SYS_ADMIN alone, and membership of the pools' groups, which lets it
// into their directories.
Status KeepRightToMount(const std::vector<gid_t>& groups);

}  // namespace sluice::csi

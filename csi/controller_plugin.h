// The plugin of a cluster's controller: Identity and Controller alone, beside csi-provisioner. No pools, no daemon, no
// mounts, no file but the socket; it needs no right.
//
// Threads:  as ServeNode.
// Errors:   the socket's.
#pragma once

#include <signal.h>

#include <string>

#include "common/status.h"

namespace sluice::csi {

// Until one of `signals` comes, which every thread blocks.
Status ServeController(const std::string& endpoint, const sigset_t& signals);

}  // namespace sluice::csi

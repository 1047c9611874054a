// What the plugin may do at most, whatever its container or unit has given it.
//
// Threads:  call before any other thread begins: capabilities are a thread's.
#pragma once

#include "common/status.h"

namespace sluice::csi {

// Gives up every capability that mounting, owning the pools' directories and starting their daemons does not need, for
// this process and all that it starts, and lets nobody regain one (no_new_privs). What the process does not have it
// goes without: a call that needs it fails with its name.
// Error: what the kernel says.
Status DropPrivileges();

}  // namespace sluice::csi

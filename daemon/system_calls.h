// The system calls that the daemon may make (seccomp).
#pragma once

#include "common/status.h"

namespace sluice::daemon {

// From here on all others fail with ENOSYS, as on a kernel that does not have them. False when this kernel has no
// seccomp filters. REQUIRES: no_new_privs; no other thread.
StatusOr<bool> AllowSystemCalls();

}  // namespace sluice::daemon

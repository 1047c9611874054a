// Where a unix socket listens, and whether somebody answers there already.
//
// Threads:  thread-safe.
// Errors:   INVALID_ARGUMENT for a path that is not absolute or too long for the kernel.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "common/status.h"

namespace sluice {

StatusOr<sockaddr_un> UnixAddress(const std::string& path);

// False: nobody does; a file that is there is stale.
bool IsAnswered(const sockaddr_un& address, int type = SOCK_STREAM);

}  // namespace sluice

// Where a unix socket listens, whether somebody answers there already, and who is at the other end.
//
// Threads:  thread-safe.
// Errors:   INVALID_ARGUMENT for a path that is not absolute or too long for the kernel; what the kernel says.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice {

StatusOr<sockaddr_un> UnixAddress(const std::string& path);

// False: nobody does; a file that is there is stale.
bool IsAnswered(const sockaddr_un& address, int type = SOCK_STREAM);

// Listens at `path`, non-blocking, in place of what is there. The socket's file has `mode`.
// NOT thread-safe: the process' umask is another one meanwhile.
StatusOr<UniqueFd> ListenAt(const std::string& path, int type, mode_t mode, int backlog);

// Who connected, or whom `connection` is connected to, as the kernel knows it.
StatusOr<ucred> PeerOf(int connection);

}  // namespace sluice

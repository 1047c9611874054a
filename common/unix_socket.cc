#include "common/unix_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice {

StatusOr<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path.starts_with('/') || path.size() >= sizeof address.sun_path) {
    return InvalidArgument("the socket path '{}' has {} bytes; an absolute path of at most {} is needed", path,
                           path.size(), sizeof address.sun_path - 1);
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

bool IsAnswered(const sockaddr_un& address, int type) {
  const UniqueFd probe(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

StatusOr<UniqueFd> ListenAt(const std::string& path, int type, mode_t mode, int backlog) {
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  ::unlink(path.c_str());
  UniqueFd listener(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const mode_t mask = ::umask(0777 & ~mode);
  const int bound = ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(mask);
  if (bound != 0 || ::listen(listener.get(), backlog) != 0) return ErrnoStatus(errno, "listen on " + path);
  return listener;
}

StatusOr<ucred> PeerOf(int connection) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return ErrnoStatus(errno, "SO_PEERCRED");
  return peer;
}

}  // namespace sluice

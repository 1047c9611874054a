#include "common/unix_socket.h"

#include <algorithm>

#include "common/unique_fd.h"

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

}  // namespace sluice

#include "daemon/broker_socket.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "common/unix_socket.h"

namespace sluice::daemon {
namespace {

bool IsRoot(int connection) {
  const auto peer = PeerOf(connection);
  if (!peer.ok()) return false;
  if (peer->uid == 0) return true;
  spdlog::warn("a connection of user {} (process {}) to the broker socket is refused: the plugin runs as root",
               peer->uid, peer->pid);
  return false;
}

}  // namespace

StatusOr<std::unique_ptr<BrokerSocket>> BrokerSocket::Listen(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  if (IsAnswered(address, SOCK_SEQPACKET)) return FailedPrecondition("another daemon listens at {}", path);
  std::unique_ptr<BrokerSocket> socket(new BrokerSocket);
  // For its group: an attached daemon's plugin is root without the right to override modes, and a member.
  ASSIGN_OR_RETURN(socket->listener_, ListenAt(path, SOCK_SEQPACKET, 0660, kBacklog));
  socket->path_ = path;
  return socket;
}

BrokerSocket::~BrokerSocket() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

StatusOr<MessageSocket> BrokerSocket::Accept(Duration deadline) {
  const Instant end = Clock::System().Now() + deadline;
  for (;;) {
    pollfd waiting{listener_.get(), POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::System().Now()).count();
    if (left <= 0) return DeadlineExceeded("no plugin connected");
    if (::poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
    if ((waiting.revents & POLLHUP) != 0) return Unavailable("the broker socket is shut down");
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid() && IsRoot(connection.get())) return MessageSocket(std::move(connection));
  }
}

void BrokerSocket::Shutdown() { ::shutdown(listener_.get(), SHUT_RDWR); }

}  // namespace sluice::daemon

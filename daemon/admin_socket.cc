#include "daemon/admin_socket.h"

#include <fcntl.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "common/unix_socket.h"

namespace sluice::daemon {
namespace {

bool IsAllowed(int connection, gid_t group) {
  const auto peer = PeerOf(connection);
  if (!peer.ok()) return false;
  if (peer->uid == 0 || peer->uid == ::geteuid() || peer->gid == group) return true;
  std::vector<gid_t> groups(256);
  auto length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) {
    groups.resize(length / sizeof(gid_t));
    if (std::find(groups.begin(), groups.end(), group) != groups.end()) return true;
  }
  spdlog::warn("admin connection of user {} (process {}) refused: neither root nor in group {}", peer->uid, peer->pid,
               group);
  return false;
}

}  // namespace

StatusOr<std::unique_ptr<AdminSocket>> AdminSocket::Listen(const std::string& path, grpc::Service& service) {
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  if (IsAnswered(address)) return FailedPrecondition("another process serves the admin socket {}", path);
  std::unique_ptr<AdminSocket> socket(new AdminSocket);
  socket->path_ = path;
  socket->group_ = ::getegid();
  ASSIGN_OR_RETURN(socket->listener_, ListenAt(path, SOCK_STREAM, 0660, kConnectionsMax));
  grpc::ResourceQuota quota("admin");
  quota.SetMaxThreads(kThreadsMax);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(4 << 20);
  builder.RegisterService(&service);
  socket->server_ = builder.BuildAndStart();
  if (socket->server_ == nullptr) return Internal("gRPC does not start");
  socket->thread_ = std::thread([raw = socket.get()] { raw->Accept(); });
  return socket;
}

void AdminSocket::Accept() {
  while (!stop_) {
    pollfd waiting{listener_.get(), POLLIN, 0};
    ::poll(&waiting, 1, -1);
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection.valid()) {
      if (!stop_ && errno != EAGAIN) std::this_thread::sleep_for(std::chrono::milliseconds(100));  // out of descriptors
      continue;
    }
    if (IsAllowed(connection.get(), group_)) grpc::AddInsecureChannelFromFd(server_.get(), connection.release());
  }
}

AdminSocket::~AdminSocket() {
  stop_ = true;
  if (listener_.valid()) ::shutdown(listener_.get(), SHUT_RDWR);
  if (thread_.joinable()) thread_.join();
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace sluice::daemon

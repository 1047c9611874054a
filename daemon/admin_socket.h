// The admin API's unix socket: who may connect, and gRPC behind it.
//
// The socket's mode is 0660, so the file system keeps others out; each connection's user is checked again with
// SO_PEERCRED and SO_PEERGROUPS, because a descriptor may be handed on: root, the daemon's own user and
// members of the socket's group are let in, anyone else is refused and logged.
//
// Threads:  one that accepts; gRPC's own.
// Limits:   kConnectionsMax connections; gRPC gets at most kThreadsMax threads.
// Errors:   Listen: FAILED_PRECONDITION when another process answers on the socket; a stale file is replaced.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>

#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::daemon {

class AdminSocket {
 public:
  static constexpr int kConnectionsMax = 64;
  static constexpr int kThreadsMax = 16;

  static StatusOr<std::unique_ptr<AdminSocket>> Listen(const std::string& path, grpc::Service& service);
  ~AdminSocket();

 private:
  AdminSocket() = default;
  void Accept();

  std::string path_;
  gid_t group_ = 0;
  UniqueFd listener_;
  std::unique_ptr<grpc::Server> server_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace sluice::daemon

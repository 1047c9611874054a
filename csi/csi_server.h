// The CSI socket, and gRPC behind it.
//
// One plugin listens there: whoever comes second is told so. The socket's file is its owner's alone; the directory it
// is in is made if that one alone is missing.
//
// Threads:  gRPC's own, kThreadsMax at most.
// Errors:   INVALID_ARGUMENT for an endpoint that is no unix:///PATH, or too long for the kernel; FAILED_PRECONDITION
//           when another plugin answers there; what the kernel says.
#pragma once

#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>

#include "common/status.h"

namespace sluice::csi {

// The path of `endpoint` (unix:///PATH), where nobody answers; a stale file is removed.
StatusOr<std::string> ClaimCsiSocket(const std::string& endpoint);

class CsiServer {
 public:
  static constexpr int kThreadsMax = 64;
  static constexpr std::chrono::seconds kCallsDeadline{5};

  // Serves the calls of `services`, which outlive it, from its return on. From here on the process' umask is 0077.
  static StatusOr<std::unique_ptr<CsiServer>> Start(const std::string& path,
                                                    std::initializer_list<grpc::Service*> services);
  // Calls under way get kCallsDeadline to end; the socket's file goes.
  ~CsiServer();

 private:
  CsiServer(std::string path, std::unique_ptr<grpc::Server> server)
      : path_(std::move(path)), server_(std::move(server)) {}

  const std::string path_;
  const std::unique_ptr<grpc::Server> server_;
};

// Returns when one of `signals` comes. REQUIRES: every thread blocks them.
void AwaitSignal(const sigset_t& signals);

}  // namespace sluice::csi

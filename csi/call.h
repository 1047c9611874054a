// What every CSI call has in common: its log line and its status.
//
// Threads:  thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <string>

#include "common/clock.h"
#include "common/status.h"

namespace sluice::csi {

// CSI's codes are gRPC's, and so are absl's.
inline grpc::Status ToGrpc(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(Message(status))};
}

// Runs `body` (returns Status) as the call `name` for `subject` (a volume or nothing; never a secret), logs how it
// went.
template <typename Body>
grpc::Status Call(const char* name, const std::string& subject, Body body) {
  const Instant start = Clock::System().Now();
  const Status status = body();
  const double milliseconds = std::chrono::duration<double, std::milli>(Clock::System().Now() - start).count();
  if (status.ok()) {
    spdlog::info("{} {} ok in {:.1f} ms", name, subject, milliseconds);
  } else {
    spdlog::warn("{} {} failed in {:.1f} ms: {}", name, subject, milliseconds, Message(status));
  }
  return ToGrpc(status);
}

}  // namespace sluice::csi

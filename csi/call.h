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

// What a call has done. Nothing: what was asked for was so already; the kubelet asks for some things every minute.
enum class Effect { kNone, kDone };

inline StatusOr<Effect> EffectOf(const Status& status) {
  if (!status.ok()) return status;
  return Effect::kDone;
}
inline StatusOr<Effect> EffectOf(StatusOr<Effect> effect) { return effect; }

// Runs `body` (returns Status or StatusOr<Effect>) as the call `name` for `subject` (a volume or nothing; never a
// secret), logs how it went.
template <typename Body>
grpc::Status Call(const char* name, const std::string& subject, Body body) {
  const Instant start = Clock::System().Now();
  const StatusOr<Effect> effect = EffectOf(body());
  const Status status = effect.status();
  const double milliseconds = std::chrono::duration<double, std::milli>(Clock::System().Now() - start).count();
  if (status.ok()) {
    spdlog::log(*effect == Effect::kNone ? spdlog::level::debug : spdlog::level::info, "{} {} ok in {:.1f} ms", name,
                subject, milliseconds);
  } else {
    spdlog::warn("{} {} failed in {:.1f} ms: {}", name, subject, milliseconds, Message(status));
  }
  return ToGrpc(status);
}

}  // namespace sluice::csi

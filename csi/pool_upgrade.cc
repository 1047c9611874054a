// Pool: one daemon in another's place. The supervisor's loop does it; Upgrade asks for it and waits.
#include <spdlog/spdlog.h>

#include "csi/pool.h"

namespace sluice::csi {

using Phase = Replacement::Phase;

StatusOr<Upgraded> Pool::Upgrade(const std::string& program, Duration deadline) {
  ASSIGN_OR_RETURN(DaemonProcess::Program fresh,
                   DaemonProcess::Open(program.empty() ? options_.daemon_program : program));
  const std::string path = fresh.path;
  std::unique_lock lock(mutex_);
  if (replacement_) return Aborted("pool {}: its daemon is being replaced already", config().name);
  if (socket_ == nullptr) return Unavailable("pool {} has no daemon: {}", config().name, last_failure_);
  replacement_.emplace();
  replacement_->before = running_;
  replacement_->upgraded.old_version = daemon_version_;
  program_ = std::move(fresh);
  socket_->Shutdown();
  const auto done = [this] { return replacement_->phase == Phase::kDone || stop_; };
  if (!changed_.wait_for(lock, deadline, done)) {
    FailReplacement(fmt::format("it does not serve after {} ms", deadline / std::chrono::milliseconds(1)));
    changed_.wait_for(lock, kStartDeadline, done);
  }
  const Replacement replaced = *std::exchange(replacement_, std::nullopt);
  if (stop_) return Unavailable("the plugin stops");
  if (replaced.failure.empty()) return replaced.upgraded;
  return FailedPrecondition("pool {}: {} cannot take over: {}; version {} {}", config().name, path, replaced.failure,
                            replaced.upgraded.old_version,
                            replaced.phase == Phase::kDone ? "serves again" : "is being started again");
}

// Called when a daemon has ended, with how: true when the next one is to be started at once.
// REQUIRES: mutex_ is held.
bool Pool::Replaces(const std::string& ended) {
  if (!replacement_) return false;
  switch (replacement_->phase) {
    case Phase::kEnding:
      replacement_->phase = Phase::kStarting;
      replacement_->ended = Clock::System().Now();
      return true;
    case Phase::kStarting:
      if (replacement_->failure.empty()) replacement_->failure = fmt::format("it has ended with {}", ended);
      spdlog::error("pool {}: sluiced of {} cannot take over: {}; the one before it is started again", config().name,
                    program_.path, replacement_->failure);
      replacement_->phase = Phase::kRollingBack;
      program_ = replacement_->before;
      return true;
    case Phase::kRollingBack:
    case Phase::kDone:
      return false;
  }
  return false;
}

// REQUIRES: mutex_ is held.
void Pool::OnAllResumed() {
  if (!replacement_) return;
  const bool fresh_serves = replacement_->phase == Phase::kStarting && replacement_->failure.empty();
  if (!fresh_serves && replacement_->phase != Phase::kRollingBack) return;
  replacement_->upgraded.new_version = daemon_version_;
  replacement_->upgraded.volumes = static_cast<uint32_t>(volumes_.size());
  replacement_->upgraded.pause = Clock::System().Now() - replacement_->ended;
  replacement_->phase = Phase::kDone;
  spdlog::info("pool {}: sluiced {} serves in the place of {}", config().name, daemon_version_,
               replacement_->upgraded.old_version);
  if (!replacement_->is_awaited) replacement_.reset();
}

// A plugin has found the daemon of another version of itself.
// REQUIRES: mutex_ is held.
bool Pool::ReplaceFound() {
  if (replacement_ || daemon_version_ == SLUICE_VERSION) return false;
  spdlog::info("pool {}: the daemon that there was is of version {}, this plugin of {}: it is replaced", config().name,
               daemon_version_, SLUICE_VERSION);
  replacement_.emplace();
  replacement_->is_awaited = false;
  replacement_->before = running_;
  replacement_->upgraded.old_version = daemon_version_;
  return true;
}

// The new daemon is not waited for any longer.
// REQUIRES: mutex_ is held.
void Pool::FailReplacement(const std::string& failure) {
  if (replacement_->failure.empty()) replacement_->failure = failure;
  if (socket_ != nullptr) socket_->Shutdown();
}

}  // namespace sluice::csi

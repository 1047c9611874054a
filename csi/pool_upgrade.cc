// Pool: one daemon in another's place. The supervisor's loop does it; Upgrade asks for it and waits.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <filesystem>

#include "csi/pool.h"
#include "csi/pool_directories.h"
#include "csi/record_files.h"

namespace sluice::csi {

using Phase = Replacement::Phase;

std::string Pool::ConfigFile() const {
  return fmt::format("{}/{}.yaml", PoolConfigDirectory(options_.state_directory), name_);
}

// What --config says now.
StatusOr<PoolConfigs> Pool::Configured() const {
  ASSIGN_OR_RETURN(PoolConfigs pools, LoadPoolConfigs(options_.config_file, options_.state_directory));
  const auto found = pools.find(name_);
  if (found == pools.end())
    return NotFound("the configuration {} has no pool '{}' any more", options_.config_file, name_);
  if (found->second.uid != uid_ || found->second.gid != gid_) {
    return FailedPrecondition("pool {}: its user and group are {}:{} and cannot become {}:{} while the plugin runs",
                              name_, uid_, gid_, found->second.uid, found->second.gid);
  }
  if (found->second.attached.has_value() != is_attached_) {
    return FailedPrecondition("pool {}: whether its daemon is attached cannot change while the plugin runs", name_);
  }
  RETURN_IF_ERROR(MakePoolDirectories(options_.state_directory, found->second));
  return pools;
}

// The next daemon that starts has this configuration.
// REQUIRES: mutex_ is held, or nobody else is there yet.
Status Pool::Apply(const PoolConfigs& configs) {
  const std::string path = ConfigFile();
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return Unavailable("{}: {}", path, error.message());
  RETURN_IF_ERROR(WriteRecord(path, ToYaml(configs)));
  if (::chmod(path.c_str(), 0644) != 0) return ErrnoStatus(errno, path);  // the pool's user reads it; root alone writes
  configs_ = configs;
  return absl::OkStatus();
}

// REQUIRES: mutex_ is held.
void Pool::RollBack() {
  program_ = replacement_->before;
  if (const Status status = Apply(replacement_->configs_before); !status.ok())
    spdlog::error("pool {}: its configuration cannot be rolled back: {}", name_, Message(status));
}

StatusOr<Upgraded> Pool::Upgrade(const std::string& program, Duration deadline) {
  if (is_attached_ && !program.empty()) {
    return FailedPrecondition(
        "pool {}: its daemon is attached, and runs what its own pod has: give that pod another image", name_);
  }
  DaemonProcess::Program fresh;
  if (is_attached_) {
    fresh.path = "the attached daemon";
  } else {
    ASSIGN_OR_RETURN(fresh, DaemonProcess::Open(program.empty() ? options_.daemon_program : program));
  }
  const std::string path = fresh.path;
  ASSIGN_OR_RETURN(const PoolConfigs configured, Configured());
  std::unique_lock lock(mutex_);
  if (replacement_) return Aborted("pool {}: its daemon is being replaced already", name());
  if (socket_ == nullptr) return Unavailable("pool {} has no daemon: {}", name(), last_failure_);
  replacement_.emplace();
  replacement_->before = running_;
  replacement_->configs_before = configs_;
  replacement_->upgraded.old_version = daemon_version_;
  program_ = std::move(fresh);
  if (const Status applied = Apply(configured); !applied.ok()) {
    RollBack();
    replacement_.reset();
    return applied;
  }
  EndDaemon(*socket_);
  const auto done = [this] { return replacement_->phase == Phase::kDone || stop_; };
  if (!changed_.wait_for(lock, deadline, done)) {
    FailReplacement(fmt::format("it does not serve after {} ms", deadline / std::chrono::milliseconds(1)));
    changed_.wait_for(lock, kStartDeadline, done);
  }
  const Replacement replaced = *std::exchange(replacement_, std::nullopt);
  if (stop_) return Unavailable("the plugin stops");
  if (replaced.failure.empty()) return replaced.upgraded;
  return FailedPrecondition("pool {}: {} cannot take over: {}; version {} {}", name(), path, replaced.failure,
                            replaced.upgraded.old_version,
                            replaced.phase == Phase::kDone ? "serves again" : "is being started again");
}

// So that another is started in its place.
// REQUIRES: mutex_ is held.
void Pool::EndDaemon(MessageSocket& socket) {
  if (!is_attached_) return socket.Shutdown();  // EndOf makes it end
  broker::v1::Message request;
  request.mutable_stop();
  if (const Status sent = socket.Send(request.SerializeAsString()); !sent.ok()) spdlog::warn("{}", Message(sent));
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
      spdlog::error("pool {}: sluiced of {} cannot take over: {}; the one before it is started again", name(),
                    program_.path, replacement_->failure);
      replacement_->phase = Phase::kRollingBack;
      RollBack();
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
  spdlog::info("pool {}: sluiced {} serves in the place of {}", name(), daemon_version_,
               replacement_->upgraded.old_version);
  if (!replacement_->is_awaited) replacement_.reset();
}

// A plugin has found the daemon of another version of itself, or one that is configured otherwise.
// REQUIRES: mutex_ is held.
bool Pool::ReplaceFound() {
  if (replacement_) return false;
  if (!is_attached_ && daemon_version_ != SLUICE_VERSION) {
    spdlog::info("pool {}: the daemon that there was is of version {}, this plugin of {}: it is replaced", name(),
                 daemon_version_, SLUICE_VERSION);
  } else if (ToYaml(found_configs_.at(name_)) != ToYaml(configs_.at(name_))) {
    spdlog::info("pool {}: the daemon that there was is configured otherwise: it is replaced", name());
  } else {
    return false;
  }
  replacement_.emplace();
  replacement_->is_awaited = false;
  replacement_->before = running_;
  replacement_->configs_before = found_configs_;
  replacement_->upgraded.old_version = daemon_version_;
  return true;
}

// The new daemon is not waited for any longer.
// REQUIRES: mutex_ is held.
void Pool::FailReplacement(const std::string& failure) {
  if (replacement_->failure.empty()) replacement_->failure = failure;
  if (socket_ == nullptr) return;
  EndDaemon(*socket_);
  socket_->Shutdown();
}

}  // namespace sluice::csi

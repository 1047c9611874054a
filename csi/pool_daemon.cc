// Pool: its daemon is found or started, and started again.
#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>

#include "common/unix_socket.h"
#include "csi/pool.h"

namespace sluice::csi {

void Pool::Supervise() {
  Duration backoff = kBackoffFirst;
  Instant last_ready = Clock::System().Now();
  for (;;) {
    const uint64_t generation = Generation();
    const Instant start = Clock::System().Now();
    const std::string ended = RunDaemon();
    const Instant now = Clock::System().Now();
    const bool had_answered = Generation() != generation;
    if (had_answered) last_ready = now;
    if (now - start > kBackoffMax) backoff = kBackoffFirst;
    // One that can start is worth starting again soon: readers wait for it.
    if (had_answered) backoff = std::min(backoff, kBackoffServingMax);
    std::unique_lock lock(mutex_);
    if (stop_) return;
    if (Replaces(ended)) continue;
    last_failure_ = fmt::format("sluiced has ended with {}", ended);
    ++restarts_;
    spdlog::warn("pool {}: sluiced has ended with {}; it is {} in {} ms", name(), ended,
                 is_attached_ ? "looked for again" : "started again", backoff / std::chrono::milliseconds(1));
    if (now - last_ready > kAbortAfter) GiveUpConnections();
    changed_.wait_for(lock, backoff, [this] { return stop_; });
    if (stop_) return;
    backoff = std::min(backoff * 2, kBackoffMax);
  }
}

// Who listens in the daemon's own directory may be anybody: only the pool's user is spoken to.
StatusOr<MessageSocket> Pool::Connect() const {
  const std::string path = PoolDirectory(options_.state_directory, name()) + "/broker.sock";
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return ErrnoStatus(errno, path);
  }
  ASSIGN_OR_RETURN(const ucred peer, PeerOf(fd.get()));
  if (peer.uid != uid_) {
    return PermissionDenied("user {} listens at {}, which is the pool's user {}'s", peer.uid, path, uid_);
  }
  ::fcntl(fd.get(), F_SETFL, 0);  // from here on who sends or receives waits
  return MessageSocket(std::move(fd));
}

// Returns when it listens.
StatusOr<MessageSocket> Pool::StartDaemon(std::optional<DaemonProcess>& process) {
  constexpr Duration kPoll = std::chrono::milliseconds(2);
  std::vector<std::string> arguments = {"--state-dir", options_.state_directory,  "--pool",   name(),
                                        "--restarts",  std::to_string(restarts_), "--config", ConfigFile()};
  DaemonProcess::Program program;
  {
    const std::lock_guard lock(mutex_);
    if (program_.file == nullptr) {
      ASSIGN_OR_RETURN(program_, DaemonProcess::Open(program_.path));
    }
    program = program_;
    running_ = program;
  }
  ASSIGN_OR_RETURN(DaemonProcess started,
                   DaemonProcess::Start(
                       {.program = std::move(program), .arguments = std::move(arguments), .uid = uid_, .gid = gid_}));
  process.emplace(std::move(started));
  const Instant end = Clock::System().Now() + kStartDeadline;
  for (;;) {
    if (Stopping()) return Unavailable("the plugin stops, or it took too long");
    if (const std::string how = process->Wait(kPoll); !how.empty()) return Unavailable("{}", how);
    if (auto socket = Connect(); socket.ok()) return socket;
    if (Clock::System().Now() > end) {
      return DeadlineExceeded("no answer after {} min", kStartDeadline / std::chrono::minutes(1));
    }
  }
}

// Until an attached daemon listens.
StatusOr<MessageSocket> Pool::AwaitDaemon() {
  constexpr Duration kPoll = std::chrono::milliseconds(20);
  const Instant begin = Clock::System().Now();
  for (;;) {
    auto socket = Connect();
    if (socket.ok()) return socket;
    if (Stopping()) return Unavailable("the plugin stops, or it took too long");
    std::unique_lock lock(mutex_);
    last_failure_ =
        fmt::format("it is attached and does not listen ({}); is its pod running?", Message(socket.status()));
    if (Clock::System().Now() - begin > (replacement_ ? kReplaceDeadline : kAbortAfter)) return socket;
    changed_.wait_for(lock, kPoll, [this] { return stop_; });
  }
}

std::string Pool::RunDaemon() {
  std::optional<DaemonProcess> process;
  auto socket = is_attached_ ? AwaitDaemon() : Connect();  // to one that a plugin before this one has left
  {
    const std::lock_guard lock(mutex_);
    was_found_ = socket.ok() && (!is_attached_ || generation_ == 0);
  }
  if (!is_attached_ && socket.ok()) {
    if (auto found = DaemonProcess::Listening(socket->fd(), uid_)) {
      process.emplace(*std::move(found));
      const std::lock_guard lock(mutex_);
      running_ = process->Running();
    }
  } else if (!is_attached_) {
    socket = StartDaemon(process);
  }
  if (!socket.ok()) return std::string(Message(socket.status()));
  tiers_ = TierDirectories::Open(config());
  held_.clear();
  strangers_.clear();
  hangs_ = false;
  socket->SetReceiveDeadline(kHelloDeadline);
  ReceiveLoop(*socket);
  if (process) return EndOf(*process);
  return hangs_ ? "silence: whoever started it has to end it" : "the loss of its connection";
}

// Its connection has ended.
std::string Pool::EndOf(DaemonProcess& process) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_ && !volumes_.empty()) {
      process.LetGo();
      return "the plugin";
    }
    if (stop_ || replacement_) process.Signal(SIGTERM);
    if (hangs_) {
      spdlog::error("pool {}: sluiced has said nothing for {} s; it is killed", name(),
                    configs_.at(name_).answer_deadline / std::chrono::seconds(1));
      process.Signal(SIGKILL);
    }
  }
  // It is dying, or makes no sense.
  std::string how = process.Wait(kStopDeadline);
  if (how.empty()) {
    process.Signal(SIGKILL);
    how = process.Wait(kStopDeadline);
  }
  return how;
}

bool Pool::Stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_ ||
         (replacement_ && replacement_->phase == Replacement::Phase::kStarting && !replacement_->failure.empty());
}

}  // namespace sluice::csi

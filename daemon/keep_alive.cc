#include "daemon/keep_alive.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace sluice::daemon {
namespace {

constexpr int kKilled = 128;  // an exit code above it: by that signal, as shells have it

class Signals {
 public:
  Signals() {
    ::sigemptyset(&waited_);
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&waited_, signal);
    ::sigprocmask(SIG_BLOCK, &waited_, &before_);
  }
  void Restore() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  // The next one; 0 when none comes in time.
  int Wait(Duration deadline) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(deadline);
    const timespec left{seconds.count(), (deadline - seconds) / std::chrono::nanoseconds(1)};
    const int signal = ::sigtimedwait(&waited_, nullptr, &left);
    return std::max(signal, 0);
  }

 private:
  sigset_t waited_{};
  sigset_t before_{};
};

bool EndsUs(int signal) { return signal == SIGTERM || signal == SIGINT; }

// The exit code of `child`; others that this process was given, as the first one of its container, are reaped too.
int AwaitEnd(const Signals& signals, pid_t child, bool* ends) {
  for (;;) {
    const int signal = signals.Wait(std::chrono::hours(1));
    if (EndsUs(signal)) {
      *ends = true;
      ::kill(child, signal);
    }
    int status = 0;
    for (pid_t ended = ::waitpid(-1, &status, WNOHANG); ended > 0; ended = ::waitpid(-1, &status, WNOHANG)) {
      if (ended == child) return WIFSIGNALED(status) ? kKilled + WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
}

}  // namespace

int KeepAlive(const std::function<int(uint64_t)>& serve) {
  const Signals signals;
  Duration backoff = kBackoffFirst;
  int failures = 0;
  for (uint64_t restarts = 0;; ++restarts) {
    const Instant begin = Clock::System().Now();
    const pid_t child = ::fork();
    if (child < 0) {
      spdlog::error("sluiced cannot be started: errno {}", errno);
      return 1;
    }
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      signals.Restore();
      std::exit(serve(restarts));
    }
    bool ends = false;
    const int code = AwaitEnd(signals, child, &ends);
    if (ends) return code;
    const bool was_soon = Clock::System().Now() - begin < kSoon;
    failures = code != 0 && was_soon ? failures + 1 : 0;
    if (!was_soon) backoff = kBackoffFirst;
    if (failures == kFailuresMax) {
      spdlog::error("sluiced has ended with {} for the {}th time in a row: given up", code, failures);
      return code;
    }
    spdlog::warn("sluiced has ended with {}; it is started again in {} ms", code,
                 backoff / std::chrono::milliseconds(1));
    if (EndsUs(signals.Wait(backoff))) return code;
    // One that says what is wrong waits for somebody to mend it; readers wait for one that crashed.
    backoff = std::min(backoff * 2, code > kKilled ? kBackoffCrashMax : kBackoffMax);
  }
}

}  // namespace sluice::daemon

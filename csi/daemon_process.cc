#include "csi/daemon_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace sluice::csi {
namespace {

constexpr rlim_t kDescriptorsMax = 1u << 20;

// What a child exits with that did not become the daemon.
constexpr int kNoBroker = 120;
constexpr int kNoUser = 121;
constexpr int kNoProgram = 122;

std::string_view Meaning(int exit_status) {
  switch (exit_status) {
    case kNoBroker:
      return ": it could not be given its socket";
    case kNoUser:
      return ": it could not become the pool's user";
    case kNoProgram:
      return ": the pool's user may not execute it; are the directories above it open to others?";
    default:
      return "";
  }
}

// Between fork and exec, in a copy of a process with other threads: system calls only, no allocation, no locks.
[[noreturn]] void RunChild(const char* program, char* const* arguments, int broker, uid_t uid, gid_t gid) {
  if (broker == DaemonProcess::kBrokerFd) {
    ::fcntl(broker, F_SETFD, 0);
  } else if (::dup2(broker, DaemonProcess::kBrokerFd) < 0) {
    ::_exit(kNoBroker);
  }
  ::close_range(DaemonProcess::kBrokerFd + 1, ~0U, 0);
  const rlimit limit{kDescriptorsMax, kDescriptorsMax};
  ::setrlimit(RLIMIT_NOFILE, &limit);
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  // The raw calls: glibc's would signal threads that exist in the parent only.
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, gid, gid, gid) != 0 ||
      ::syscall(SYS_setresuid, uid, uid, uid) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    ::_exit(kNoUser);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // after setresuid, which clears it
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  char path[] = "PATH=/usr/bin:/bin";
  char* environment[] = {path, nullptr};
  ::execve(program, arguments, environment);
  ::_exit(kNoProgram);
}

}  // namespace

StatusOr<DaemonProcess> DaemonProcess::Start(const Options& options, UniqueFd broker_end) {
  if (::access(options.program.c_str(), X_OK) != 0) {
    return NotFound("the daemon's program {} is not there; it belongs beside sluice-csi", options.program);
  }
  std::vector<char*> arguments = {const_cast<char*>(options.program.c_str())};
  for (const std::string& argument : options.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::_Fork();  // without the fork handlers of libraries
  if (pid < 0) return ErrnoStatus(errno, "start sluiced");
  if (pid == 0) RunChild(options.program.c_str(), arguments.data(), broker_end.get(), options.uid, options.gid);
  return DaemonProcess(pid);
}

DaemonProcess::~DaemonProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string DaemonProcess::Wait(Duration deadline) {
  const Instant end = Clock::System().Now() + deadline;
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno == ECHILD)) {
      pid_ = -1;
      return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                 : fmt::format("exit status {}{}", WEXITSTATUS(status), Meaning(WEXITSTATUS(status)));
    }
    if (Clock::System().Now() >= end) return "";
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void DaemonProcess::Signal(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

}  // namespace sluice::csi

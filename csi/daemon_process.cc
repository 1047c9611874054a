#include "csi/daemon_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/unix_socket.h"

namespace sluice::csi {
namespace {

constexpr rlim_t kDescriptorsMax = 1u << 20;

// What a child exits with that did not become the daemon.
constexpr int kNoUser = 121;
constexpr int kNoProgram = 122;

std::string_view Meaning(int exit_status) {
  switch (exit_status) {
    case kNoUser:
      return ": it could not become the pool's user";
    case kNoProgram:
      return ": the pool's user may not execute it; are the directories above it open to others?";
    default:
      return "";
  }
}

// The daemon's for oom_score_adj: above the plugin's own, so that the kernel takes the daemon when memory runs out.
// That one is started again; without the plugin a pool's open files would be lost with its daemon.
std::string OomScore() {
  constexpr int kAbove = 200;
  constexpr int kMax = 1000;
  int own = 0;
  std::ifstream("/proc/self/oom_score_adj") >> own;
  return std::to_string(std::min(own + kAbove, kMax));
}

// From its status, which tells of processes that are not dumpable, too.
std::optional<uid_t> UserOf(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string word; status >> word;) {
    uid_t uid = 0;
    if (word == "Uid:" && status >> uid) return uid;
  }
  return std::nullopt;
}

UniqueFd OpenHandle(pid_t pid) { return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

// Between fork and exec, in a copy of a process with other threads: system calls only, no allocation, no locks.
[[noreturn]] void RunChild(int file, const char* path, char* const* arguments, uid_t uid, gid_t gid,
                           const std::string& oom_score) {
  if (const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    // If it fails the daemon is as likely to be taken as the plugin.
    [[maybe_unused]] const ssize_t written = ::write(fd, oom_score.data(), oom_score.size());
  }
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  const rlimit limit{kDescriptorsMax, kDescriptorsMax};
  ::setrlimit(RLIMIT_NOFILE, &limit);
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  // The raw calls: glibc's would signal threads that exist in the parent only.
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, gid, gid, gid) != 0 ||
      ::syscall(SYS_setresuid, uid, uid, uid) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    ::_exit(kNoUser);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  char search[] = "PATH=/usr/bin:/bin";
  char* environment[] = {search, nullptr};
  ::syscall(SYS_execveat, file, "", arguments, environment, AT_EMPTY_PATH);
  if (errno == ENOENT) ::execve(path, arguments, environment);  // a script, whose interpreter wants a path
  ::_exit(kNoProgram);
}

}  // namespace

StatusOr<DaemonProcess::Program> DaemonProcess::Open(const std::string& path) {
  if (!path.starts_with('/')) return InvalidArgument("program '{}': write an absolute path", path);
  auto file = std::make_shared<UniqueFd>(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file->valid()) return NotFound("the daemon's program {}: {}", path, std::strerror(errno));
  struct stat about{};
  if (::fstat(file->get(), &about) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(about.st_mode) || (about.st_mode & S_IXOTH) == 0) {
    return InvalidArgument("program {}: it is no file that the pool's user may execute", path);
  }
  if (about.st_uid != 0 || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return InvalidArgument("program {}: it must be root's, and nobody else may write it", path);
  }
  return Program{path, std::move(file)};
}

StatusOr<DaemonProcess> DaemonProcess::Start(const Options& options) {
  std::vector<char*> arguments = {const_cast<char*>(options.program.path.c_str())};
  for (const std::string& argument : options.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const std::string oom_score = OomScore();
  const pid_t pid = ::_Fork();  // without the fork handlers of libraries
  if (pid < 0) return ErrnoStatus(errno, "start sluiced");
  if (pid == 0) {
    RunChild(options.program.file->get(), options.program.path.c_str(), arguments.data(), options.uid, options.gid,
             oom_score);
  }
  return DaemonProcess(OpenHandle(pid), pid, true);
}

std::optional<DaemonProcess> DaemonProcess::Listening(int connection, uid_t uid) {
  const auto peer = PeerOf(connection);
  if (!peer.ok() || peer->pid <= 0) return std::nullopt;
  UniqueFd handle = OpenHandle(peer->pid);
  // The number may be another process's by now: what is signalled is of the pool's user.
  if (!handle.valid() || UserOf(peer->pid) != uid ||
      ::syscall(SYS_pidfd_send_signal, handle.get(), 0, nullptr, 0) != 0) {
    return std::nullopt;
  }
  return DaemonProcess(std::move(handle), peer->pid, false);
}

DaemonProcess::~DaemonProcess() {
  if (!child_) return;
  Signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string DaemonProcess::Wait(Duration deadline) {
  pollfd ended{handle_.get(), POLLIN, 0};
  const Instant end = Clock::System().Now() + deadline;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::System().Now()).count();
    if (::poll(&ended, 1, static_cast<int>(std::max<int64_t>(left, 0))) > 0) break;
    if (Clock::System().Now() >= end) return "";
  }
  if (!child_) return "its end";
  child_ = false;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit status {}{}", WEXITSTATUS(status), Meaning(WEXITSTATUS(status)));
}

DaemonProcess::Program DaemonProcess::Running() const {
  const std::string path = fmt::format("/proc/{}/exe", pid_);
  std::error_code ignored;
  return {std::filesystem::read_symlink(path, ignored).string(),
          std::make_shared<UniqueFd>(::open(path.c_str(), O_PATH | O_CLOEXEC))};
}

void DaemonProcess::Signal(int signal) const { ::syscall(SYS_pidfd_send_signal, handle_.get(), signal, nullptr, 0); }

}  // namespace sluice::csi

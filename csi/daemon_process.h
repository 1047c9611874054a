// A daemon's process: started as its own user, without capabilities, with no_new_privs and nothing inherited; or found
// at the other end of a connection, started by a plugin before this one. It lives on when the plugin dies.
//
// Threads:     any.
// Owns:        a process that it started: the destructor kills and reaps it, unless it was let go. One that it found it
//              only watches.
// Errors:      Start: what fork says. What goes wrong in the child is seen as its exit status.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::csi {

class DaemonProcess {
 public:
  // A program as it was when it was opened, whatever has replaced its file since.
  struct Program {
    std::string path;
    std::shared_ptr<const UniqueFd> file;
  };
  // INVALID_ARGUMENT when it is no absolute path, or others than root could write the program; NOT_FOUND.
  static StatusOr<Program> Open(const std::string& path);

  struct Options {
    Program program;
    std::vector<std::string> arguments;
    uid_t uid = 0;
    gid_t gid = 0;
  };

  static StatusOr<DaemonProcess> Start(const Options& options);
  // Who listens at the other end of a connected unix socket. None when that is not to be seen from here: the process
  // has ended, is not of user `uid`, or lives in another PID namespace.
  static std::optional<DaemonProcess> Listening(int connection, uid_t uid);

  DaemonProcess(DaemonProcess&& other) noexcept
      : handle_(std::move(other.handle_)), pid_(other.pid_), child_(std::exchange(other.child_, false)) {}
  DaemonProcess& operator=(DaemonProcess&&) = delete;
  ~DaemonProcess();

  // Waits until it has ended, at most `deadline`, and says how: "exit status 1", "signal 9", "its end" when it was
  // found and not started. Empty: it still runs.
  std::string Wait(Duration deadline);
  void Signal(int signal) const;
  // What it runs, as /proc shows it.
  Program Running() const;
  // It goes on without us.
  void LetGo() { child_ = false; }

 private:
  DaemonProcess(UniqueFd handle, pid_t pid, bool child) : handle_(std::move(handle)), pid_(pid), child_(child) {}
  UniqueFd handle_;  // a pidfd
  pid_t pid_;
  bool child_;  // started by us, and not reaped yet
};

}  // namespace sluice::csi

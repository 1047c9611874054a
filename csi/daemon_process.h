// Starts sluiced as its own user, without capabilities, with no_new_privs and nothing inherited but one socket.
//
// Threads:     Start on the thread that will live longest: the kernel ends the daemon when that thread ends.
// Owns:        the process: the destructor kills and reaps it.
// Errors:      Start: NOT_FOUND when the program is missing; what fork says. What goes wrong in the child is
//              seen as its exit status.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/clock.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::csi {

class DaemonProcess {
 public:
  static constexpr int kBrokerFd = 3;  // where the child finds its end of the socket

  struct Options {
    std::string program;
    std::vector<std::string> arguments;
    uid_t uid = 0;
    gid_t gid = 0;
  };

  static StatusOr<DaemonProcess> Start(const Options& options, UniqueFd broker_end);
  DaemonProcess(DaemonProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  DaemonProcess& operator=(DaemonProcess&&) = delete;
  ~DaemonProcess();

  pid_t pid() const { return pid_; }

  // Waits until it has ended, at most `deadline`, and says how: "exit status 1", "signal 9". Empty: it still runs.
  std::string Wait(Duration deadline);
  void Signal(int signal) const;

 private:
  explicit DaemonProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace sluice::csi

// What the daemon gives up before it begins, so that whoever takes it over has its cache and nothing else.
//
//   seccomp    the system calls that it needs; all others fail with ENOSYS: no program is executed, no process traced,
//              nothing mounted, no namespace made
//   Landlock   it writes below `writable` only, reads below `readable` and where the system has its libraries and
//              settings, executes nothing, listens on no TCP port but its own, signals nobody else
//   dumpable   is off: no core file has its data, and no process of the same user reads its memory
//
// Threads:   Confine before any other thread begins; it holds for all, for good.
// Errors:    INTERNAL when the kernel refuses what it offers; what it does not offer is left out of `in_force`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/status.h"

namespace sluice::daemon {

struct ConfinedTo {
  std::vector<std::string> writable;  // directories; must exist
  std::vector<std::string> readable;  // directories or files; what is not there is passed over
  std::optional<uint16_t> tcp_port;   // to listen on
};

// What is in force, for people: "seccomp, landlock 7, not dumpable". Nothing is in a build with sanitizers, whose run
// time needs what is forbidden here.
StatusOr<std::string> Confine(const ConfinedTo& to);

}  // namespace sluice::daemon

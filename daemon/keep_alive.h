// A process that starts the daemon again when it dies: for an attached daemon, whose pod would be started again only
// after seconds, more of them each time.
//
// Threads:  before any other thread begins.
// Owns:     the process that serves, a fork of this one; it ends with this one.
// Limits:   kBackoffMax between two starts, kBackoffCrashMax after a crash. After kFailuresMax that each lived less
// than kSoon it gives up, so that
//           whoever watches the pod sees it.
// Errors:   as exit codes, the last one of the process that serves.
#pragma once

#include <cstdint>
#include <functional>

#include "common/clock.h"

namespace sluice::daemon {

inline constexpr Duration kBackoffFirst = std::chrono::milliseconds(20);
inline constexpr Duration kBackoffCrashMax = std::chrono::milliseconds(40);
inline constexpr Duration kBackoffMax = std::chrono::seconds(5);
inline constexpr Duration kSoon = std::chrono::seconds(10);
inline constexpr int kFailuresMax = 20;

// Runs `serve` in processes of its own, one after the other, with how often it was started again, until SIGTERM or
// SIGINT, which it passes on. Returns an exit code; in the processes that serve it does not return.
int KeepAlive(const std::function<int(uint64_t restarts)>& serve);

}  // namespace sluice::daemon

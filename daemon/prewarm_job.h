// A prewarm job of daemon/prewarm.h, as the table of jobs (prewarm.cc) and the work (prewarm_run.cc) share it.
//
// Threads:  what is marked so is guarded by Prewarmer::mutex_, the rest is the loop's; `cancelled` is for both.
#pragma once

#include "daemon/prewarm.h"

namespace sluice::daemon {

struct Prewarmer::Job {
  Job(io::Loop& loop, admin::v1::Job s)
      : status(std::move(s)),
        patterns({status.request().patterns().begin(), status.request().patterns().end()}),
        throttle(loop),
        turn(loop, 1),
        worker_done(loop) {}

  // GUARDED_BY Prewarmer::mutex_
  admin::v1::Job status;
  Instant started{};
  Instant sampled{};
  uint64_t sampled_bytes = 0;

  const Patterns patterns;
  std::optional<uint8_t> medium;
  std::atomic<bool> cancelled{false};

  // loop
  io::Throttle throttle;
  io::Semaphore turn;  // who may ask the walker
  io::Event worker_done;
  size_t workers = 0;
  uint64_t taken_bytes = 0;  // of what the volume may have of the cache
  Status first_error;
};

inline bool HasEnded(admin::v1::Job::State state) {
  using admin::v1::Job;
  return state == Job::SUCCEEDED || state == Job::FAILED || state == Job::CANCELLED;
}

}  // namespace sluice::daemon

// One io_uring, owned by the thread of one loop.
//
// Threads:     all but Wake() on the thread that called Create().
// Limits:      kEntries submissions queue up; one more submits them first. Completions in flight are bounded by
//              what callers await.
// Errors:      Create: PERMISSION_DENIED or UNIMPLEMENTED where the machine forbids io_uring, and says by what.
// Invariants:  completions are collected first and run after, never from inside a submission.
#pragma once

#include <liburing.h>

#include <memory>

#include "common/clock.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::io {

// What runs when a submission is done. `result` is the kernel's: >= 0, or a negative errno.
class Completion {
 public:
  virtual void Complete(int result) = 0;

 protected:
  ~Completion() = default;
};

class Ring {
 public:
  static constexpr unsigned kEntries = 512;

  static StatusOr<std::unique_ptr<Ring>> Create();
  // Whether this process may use io_uring at all; the error names the likely cause.
  static Status Probe();
  ~Ring();

  // A submission to fill in; Complete of `completion` is called once. It is submitted by the next Wait.
  io_uring_sqe* Prepare(Completion& completion);

  // Submits, waits until something completes, `timeout` passes or Wake is called, and runs what completed.
  void Wait(Duration timeout);

  // Ends a Wait. Any thread.
  void Wake();

 private:
  Ring() = default;
  void ArmWake();

  io_uring ring_{};
  UniqueFd wake_;
  uint64_t wake_count_ = 0;
  bool wake_armed_ = false;
};

}  // namespace sluice::io

#include "io/ring.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>

namespace sluice::io {
namespace {

Status SetUp(io_uring* ring) {
  // Deferred task work keeps completions on this thread and off the hot path of others (Linux 6.1).
  int error = io_uring_queue_init(Ring::kEntries, ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  if (error == -EINVAL) error = io_uring_queue_init(Ring::kEntries, ring, 0);
  if (error == 0) return absl::OkStatus();
  if (error == -EPERM || error == -EACCES) {
    return PermissionDenied(
        "io_uring is forbidden here (kernel.io_uring_disabled, or a container's seccomp profile; "
        "deploy/seccomp-io-uring.json allows it)");
  }
  if (error == -ENOSYS) {
    return Unimplemented("io_uring is not there (an old kernel, or a container's seccomp profile hides it)");
  }
  return ErrnoStatus(-error, "io_uring_queue_init");
}

}  // namespace

Status Ring::Probe() {
  io_uring ring{};
  RETURN_IF_ERROR(SetUp(&ring));
  io_uring_queue_exit(&ring);
  return absl::OkStatus();
}

StatusOr<std::unique_ptr<Ring>> Ring::Create() {
  std::unique_ptr<Ring> ring(new Ring);
  ring->ring_.ring_fd = -1;
  RETURN_IF_ERROR(SetUp(&ring->ring_));
  ring->wake_.reset(eventfd(0, EFD_CLOEXEC));
  if (!ring->wake_.valid()) return ErrnoStatus(errno, "eventfd");
  return ring;
}

Ring::~Ring() {
  if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
}

io_uring_sqe* Ring::Prepare(Completion& completion) {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    io_uring_submit(&ring_);
    entry = io_uring_get_sqe(&ring_);
  }
  io_uring_sqe_set_data(entry, &completion);
  return entry;
}

void Ring::ArmWake() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) return;  // the queue is full: the next turn arms it
  io_uring_prep_read(entry, wake_.get(), &wake_count_, sizeof wake_count_, 0);
  io_uring_sqe_set_data(entry, nullptr);
  wake_armed_ = true;
}

void Ring::Wait(Duration timeout) {
  if (!wake_armed_) ArmWake();
  __kernel_timespec limit{};
  limit.tv_sec = timeout.count() / 1'000'000'000;
  limit.tv_nsec = timeout.count() % 1'000'000'000;
  io_uring_cqe* first = nullptr;
  if (timeout.count() > 0 && wake_armed_) {
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
  } else {
    io_uring_submit_and_get_events(&ring_);
  }
  constexpr unsigned kBatch = 64;
  io_uring_cqe* entries[kBatch];
  std::pair<Completion*, int> done[kBatch];
  while (const unsigned count = io_uring_peek_batch_cqe(&ring_, entries, kBatch)) {
    for (unsigned i = 0; i < count; ++i) {
      done[i] = {static_cast<Completion*>(io_uring_cqe_get_data(entries[i])), entries[i]->res};
    }
    io_uring_cq_advance(&ring_, count);
    for (unsigned i = 0; i < count; ++i) {
      if (done[i].first == nullptr) {
        wake_armed_ = false;
      } else {
        done[i].first->Complete(done[i].second);
      }
    }
  }
}

void Ring::Wake() {
  const uint64_t one = 1;
  // A full counter (EAGAIN) means that a wake is pending already.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

}  // namespace sluice::io

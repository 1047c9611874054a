// Asynchronous file operations: on the loop's io_uring, or on a thread pool where that is forbidden.
//
// Threads:   on the loop.
// Suspends:  every operation.
// Owns:      nothing but its threads; descriptors and buffers are the caller's and must outlive the operation.
// Errors:    the operation's errno as a Status whose message names the operation. A read or write that comes back
//            short is continued; a read that ends before its length is OUT_OF_RANGE (the file is shorter).
#pragma once

#include <fcntl.h>

#include <memory>
#include <span>
#include <string>

#include "common/status.h"
#include "common/unique_fd.h"
#include "io/blocking_pool.h"
#include "io/loop.h"

namespace sluice::io {

// One operation under way. Lives in the frame of the coroutine that awaits it.
struct FileRequest final : Completion {
  enum class Kind { kOpen, kRead, kWrite, kPunch, kUnlink, kClose };

  Kind kind;
  int fd = -1;            // the file, or the directory that `path` is relative to
  const char* path = "";  // kOpen, kUnlink
  int flags = 0;          // kOpen
  std::byte* data = nullptr;
  size_t length_bytes = 0;  // kRead, kWrite, kPunch
  uint64_t offset_bytes = 0;

  int result = 0;  // the kernel's
  Loop* loop = nullptr;
  std::coroutine_handle<> waiter;

  void Complete(int r) override {
    result = r;
    loop->Resume(waiter);
  }
};

class FileIo {
 public:
  virtual ~FileIo() = default;

  // Creates files with mode 0600. `directory_fd` may be AT_FDCWD.
  Task<StatusOr<UniqueFd>> Open(int directory_fd, std::string path, int flags);
  // Fills all of `target` from `offset_bytes`.
  Task<Status> Read(int fd, std::span<std::byte> target, uint64_t offset_bytes);
  Task<Status> Write(int fd, std::span<const std::byte> bytes, uint64_t offset_bytes);
  // Frees the range; it reads as zeros then.
  Task<Status> Punch(int fd, uint64_t offset_bytes, uint64_t length_bytes);
  Task<Status> Unlink(int directory_fd, std::string path);
  Task<void> Close(UniqueFd fd);

  // "io_uring" or "threads".
  virtual std::string_view name() const = 0;

  // Begins `request`; its Complete is called on the loop, later. For those who wrap a FileIo; others call the above.
  virtual void Start(FileRequest& request) = 0;

 protected:
  explicit FileIo(Loop& loop) : loop_(loop) {}

  Loop& loop_;

 private:
  Task<int> Perform(FileRequest& request);
  Task<Status> Transfer(FileRequest::Kind kind, int fd, std::byte* data, size_t length_bytes, uint64_t offset_bytes);
};

// On the loop's ring. REQUIRES: loop.ring() is not null when the first operation starts.
std::unique_ptr<FileIo> MakeUringFileIo(Loop& loop);

// On `pool`, with the same contract.
std::unique_ptr<FileIo> MakeThreadFileIo(BlockingPool& pool);

}  // namespace sluice::io

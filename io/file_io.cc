#include "io/file_io.h"

#include <cerrno>

namespace sluice::io {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr int kPunchMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

class UringFileIo : public FileIo {
 public:
  explicit UringFileIo(Loop& loop) : FileIo(loop) {}
  std::string_view name() const override { return "io_uring"; }

  void Start(FileRequest& r) override {
    io_uring_sqe* entry = loop_.ring()->Prepare(r);
    switch (r.kind) {
      case FileRequest::Kind::kOpen:
        io_uring_prep_openat(entry, r.fd, r.path, r.flags, kFileMode);
        break;
      case FileRequest::Kind::kRead:
        io_uring_prep_read(entry, r.fd, r.data, static_cast<unsigned>(r.length_bytes), r.offset_bytes);
        break;
      case FileRequest::Kind::kWrite:
        io_uring_prep_write(entry, r.fd, r.data, static_cast<unsigned>(r.length_bytes), r.offset_bytes);
        break;
      case FileRequest::Kind::kPunch:
        io_uring_prep_fallocate(entry, r.fd, kPunchMode, static_cast<off_t>(r.offset_bytes),
                                static_cast<off_t>(r.length_bytes));
        break;
      case FileRequest::Kind::kUnlink:
        io_uring_prep_unlinkat(entry, r.fd, r.path, 0);
        break;
      case FileRequest::Kind::kClose:
        io_uring_prep_close(entry, r.fd);
        break;
    }
    io_uring_sqe_set_data(entry, static_cast<Completion*>(&r));
  }
};

// The operation as a plain system call; negative errno on failure, as io_uring has it.
int Call(const FileRequest& r) {
  int64_t result = -1;
  switch (r.kind) {
    case FileRequest::Kind::kOpen:
      result = ::openat(r.fd, r.path, r.flags, kFileMode);
      break;
    case FileRequest::Kind::kRead:
      result = ::pread(r.fd, r.data, r.length_bytes, static_cast<off_t>(r.offset_bytes));
      break;
    case FileRequest::Kind::kWrite:
      result = ::pwrite(r.fd, r.data, r.length_bytes, static_cast<off_t>(r.offset_bytes));
      break;
    case FileRequest::Kind::kPunch:
      result = ::fallocate(r.fd, kPunchMode, static_cast<off_t>(r.offset_bytes), static_cast<off_t>(r.length_bytes));
      break;
    case FileRequest::Kind::kUnlink:
      result = ::unlinkat(r.fd, r.path, 0);
      break;
    case FileRequest::Kind::kClose:
      result = ::close(r.fd);
      break;
  }
  return result < 0 ? -errno : static_cast<int>(result);
}

class ThreadFileIo : public FileIo {
 public:
  explicit ThreadFileIo(BlockingPool& pool) : FileIo(pool.loop()), pool_(pool) {}
  std::string_view name() const override { return "threads"; }

  void Start(FileRequest& request) override {
    pool_.Start([this, &request] {
      const int result = Call(request);
      loop_.Post([&request, result] { request.Complete(result); });
    });
  }

 private:
  BlockingPool& pool_;
};

}  // namespace

Task<int> FileIo::Perform(FileRequest& request) {
  struct Awaiter {
    FileIo& io;
    FileRequest& request;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      request.waiter = handle;
      io.Start(request);
    }
    void await_resume() {}
  };
  request.loop = &loop_;
  Awaiter awaiter{*this, request};
  co_await awaiter;
  co_return request.result;
}

Task<StatusOr<UniqueFd>> FileIo::Open(int directory_fd, std::string path, int flags) {
  FileRequest request;
  request.kind = FileRequest::Kind::kOpen;
  request.fd = directory_fd;
  request.path = path.c_str();
  request.flags = flags | O_CLOEXEC;
  const int result = co_await Perform(request);
  if (result < 0) co_return ErrnoStatus(-result, fmt::format("open {}", path));
  co_return UniqueFd(result);
}

Task<Status> FileIo::Transfer(FileRequest::Kind kind, int fd, std::byte* data, size_t length_bytes,
                              uint64_t offset_bytes) {
  const std::string_view verb = kind == FileRequest::Kind::kRead ? "read" : "write";
  size_t done = 0;
  while (done < length_bytes) {
    FileRequest request;
    request.kind = kind;
    request.fd = fd;
    request.data = data + done;
    request.length_bytes = std::min<size_t>(length_bytes - done, 1u << 30);
    request.offset_bytes = offset_bytes + done;
    const int result = co_await Perform(request);
    if (result == -EINTR || result == -EAGAIN) continue;
    if (result < 0) co_return ErrnoStatus(-result, fmt::format("{} {} bytes at {}", verb, length_bytes, offset_bytes));
    if (result == 0)
      co_return OutOfRange("{} of {} bytes at {} ended after {}", verb, length_bytes, offset_bytes, done);
    done += static_cast<size_t>(result);
  }
  co_return absl::OkStatus();
}

Task<Status> FileIo::Read(int fd, std::span<std::byte> target, uint64_t offset_bytes) {
  return Transfer(FileRequest::Kind::kRead, fd, target.data(), target.size(), offset_bytes);
}

Task<Status> FileIo::Write(int fd, std::span<const std::byte> bytes, uint64_t offset_bytes) {
  return Transfer(FileRequest::Kind::kWrite, fd, const_cast<std::byte*>(bytes.data()), bytes.size(), offset_bytes);
}

Task<Status> FileIo::Punch(int fd, uint64_t offset_bytes, uint64_t length_bytes) {
  FileRequest request;
  request.kind = FileRequest::Kind::kPunch;
  request.fd = fd;
  request.offset_bytes = offset_bytes;
  request.length_bytes = length_bytes;
  const int result = co_await Perform(request);
  co_return ErrnoStatus(result < 0 ? -result : 0, "punch a hole");
}

Task<Status> FileIo::Unlink(int directory_fd, std::string path) {
  FileRequest request;
  request.kind = FileRequest::Kind::kUnlink;
  request.fd = directory_fd;
  request.path = path.c_str();
  const int result = co_await Perform(request);
  co_return ErrnoStatus(result < 0 ? -result : 0, fmt::format("unlink {}", path));
}

Task<void> FileIo::Close(UniqueFd fd) {
  FileRequest request;
  request.kind = FileRequest::Kind::kClose;
  request.fd = fd.release();
  co_await Perform(request);
}

std::unique_ptr<FileIo> MakeUringFileIo(Loop& loop) { return std::make_unique<UringFileIo>(loop); }
std::unique_ptr<FileIo> MakeThreadFileIo(BlockingPool& pool) { return std::make_unique<ThreadFileIo>(pool); }

}  // namespace sluice::io

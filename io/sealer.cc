#include "io/sealer.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/bytes.h"
#include "common/unique_fd.h"
#include "io/sync.h"

namespace sluice::io {
namespace {

constexpr uint64_t kLargeBytes = 64 * kMiB;
constexpr const char* kScratchName = "scratch-to-be-sealed";

Status Enable(int fd) {
  fsverity_enable_arg how{};
  how.version = 1;
  how.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
  how.block_size = static_cast<uint32_t>(::sysconf(_SC_PAGESIZE));
  if (::ioctl(fd, FS_IOC_ENABLE_VERITY, &how) == 0 || errno == EEXIST) return absl::OkStatus();
  return ErrnoStatus(errno, "fs-verity");
}

class VeritySealer final : public Sealer {
 public:
  explicit VeritySealer(BlockingPool& pool) : pool_(pool) {}

  Status Probe(int directory_fd) override {
    ::unlinkat(directory_fd, kScratchName, 0);
    UniqueFd file(::openat(directory_fd, kScratchName, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.valid() || ::write(file.get(), "1", 1) != 1) return ErrnoStatus(errno, kScratchName);
    file.reset(::openat(directory_fd, kScratchName, O_RDONLY | O_CLOEXEC));
    ::unlinkat(directory_fd, kScratchName, 0);
    RETURN_IF_ERROR(file.valid() ? Enable(file.get()) : ErrnoStatus(errno, kScratchName));
    return IsSealed(file.get()) ? absl::OkStatus() : Unimplemented("fs-verity says nothing, and does nothing");
  }

  Task<Status> Seal(int fd) override {
    struct stat st{};
    const bool large = ::fstat(fd, &st) != 0 || static_cast<uint64_t>(st.st_size) > kLargeBytes;
    co_await turns_.Acquire(1, large ? Urgency::kPrewarm : Urgency::kForeground);  // which leave one to the others
    const Status status = co_await pool_.Run([fd] { return Enable(fd); });
    turns_.Release(1);
    co_return status;
  }

  bool IsSealed(int fd) override {
    int flags = 0;
    return ::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_VERITY_FL) != 0;
  }

 private:
  BlockingPool& pool_;
  Semaphore turns_{pool_.loop(), 2};
};

}  // namespace

std::unique_ptr<Sealer> MakeVeritySealer(BlockingPool& pool) { return std::make_unique<VeritySealer>(pool); }

}  // namespace sluice::io

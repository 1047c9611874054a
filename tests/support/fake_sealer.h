// Seals as a file system with fs-verity does, as far as a process can tell: a sealed file is not opened for writing,
// and what is tried all the same with a descriptor is noted.
//
// Threads:  as io/sealer.h.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>

#include "io/sealer.h"
#include "tests/support/fault_file_io.h"

namespace sluice {

class FakeSealer final : public io::Sealer {
 public:
  explicit FakeSealer(FaultFileIo& file_io) {
    file_io.refuse = [this](const io::FileRequest& request) { return Refuse(request); };
  }

  Status probe;
  Status failure;  // of the next seals
  size_t seals = 0;
  size_t violations = 0;  // writes and holes in sealed files

  Status Probe(int) override { return probe; }
  io::Task<Status> Seal(int fd) override {
    CO_RETURN_IF_ERROR(failure);
    if (IsOpenForWriting(fd)) co_return ErrnoStatus(ETXTBSY, "fake");
    sealed_[InodeOf(fd)].reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    ++seals;
    co_return absl::OkStatus();
  }
  bool IsSealed(int fd) override { return sealed_.contains(InodeOf(fd)); }
  bool IsSealed(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY));
    return file.valid() && IsSealed(file.get());
  }

 private:
  static ino_t InodeOf(int fd, const char* path = "") {
    struct stat st{};
    return ::fstatat(fd, path, &st, AT_EMPTY_PATH) == 0 ? st.st_ino : 0;
  }
  static bool IsOpenForWriting(int sealed_fd) {
    const ino_t inode = InodeOf(sealed_fd);
    for (int fd = 0; fd < 1024; ++fd) {
      const int flags = ::fcntl(fd, F_GETFL);
      if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && InodeOf(fd) == inode) return true;
    }
    return false;
  }
  int Refuse(const io::FileRequest& request) {
    using Kind = io::FileRequest::Kind;
    const bool changes = request.kind == Kind::kWrite || request.kind == Kind::kPunch;
    const bool opens = request.kind == Kind::kOpen && (request.flags & O_ACCMODE) != O_RDONLY;
    if (!changes && !opens) return 0;
    if (!sealed_.contains(InodeOf(request.fd, opens ? request.path : ""))) return 0;
    violations += changes ? 1 : 0;
    return EPERM;
  }

  std::map<ino_t, UniqueFd> sealed_;  // open, so that no other file gets the number
};

}  // namespace sluice

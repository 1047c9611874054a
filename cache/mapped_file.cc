#include "cache/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace sluice::cache {

StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path, uint64_t magic, bool resume) {
  if (!resume) ::unlink(path.c_str());  // not truncated: an earlier mount may still have it mapped
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  void* base = ::mmap(nullptr, kMapBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd.get(), 0);
  if (base == MAP_FAILED) return ErrnoStatus(errno, "mmap " + path);
  std::unique_ptr<MappedFile> file(new MappedFile(std::move(fd), static_cast<char*>(base), path));
  const off_t size = ::lseek(file->fd_.get(), 0, SEEK_END);
  if (size == 0) {
    RETURN_IF_ERROR(file->Grow(kHeaderBytes));
    *file->header() = {magic, kHeaderBytes, 0};
    return file;
  }
  file->allocated_bytes_ = static_cast<uint64_t>(size);
  const Header& header = *file->header();
  if (static_cast<uint64_t>(size) < kHeaderBytes || header.magic != magic || header.used_bytes < kHeaderBytes ||
      header.used_bytes > std::min(static_cast<uint64_t>(size), kMapBytes)) {
    return DataLoss("{} is no catalog of this version", path);
  }
  return file;
}

MappedFile::~MappedFile() { ::munmap(base_, kMapBytes); }

StatusOr<uint64_t> MappedFile::Reserve(uint64_t bytes) {
  const uint64_t end = used_bytes() + bytes;
  if (end > kMapBytes) return ResourceExhausted("{} is full", path_);
  if (end > allocated_bytes_) RETURN_IF_ERROR(Grow(end));
  return used_bytes();
}

Status MappedFile::Sync() const {
  return ::msync(base_, used_bytes(), MS_SYNC) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "write " + path_);
}

// Allocates the space on disk: a store to a page without it would end the process when the disk is full.
Status MappedFile::Grow(uint64_t bytes) {
  const uint64_t step = std::clamp(std::bit_floor(allocated_bytes_), kGrowBytesMin, kGrowBytesMax);
  const uint64_t size = (bytes + step - 1) / step * step;
  const int error =
      ::posix_fallocate(fd_.get(), static_cast<off_t>(allocated_bytes_), static_cast<off_t>(size - allocated_bytes_));
  if (error != 0) return ErrnoStatus(error, "grow " + path_);
  allocated_bytes_ = size;
  return absl::OkStatus();
}

}  // namespace sluice::cache

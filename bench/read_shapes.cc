#include "bench/read_shapes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::bench {
namespace {

constexpr size_t kRandomReadsOfAPass = 2000;

template <size_t kBytes>
void Sequential(Worker& w) {
  const size_t block = w.NextUnit(std::max<size_t>(1, w.large_bytes() / kBytes));
  if (pread(w.large(), w.buffer(), kBytes, static_cast<off_t>(block * kBytes)) <= 0) w.Fail("read");
  w.bytes += kBytes;
}

template <size_t kBytes>
void RandomRead(Worker& w) {
  const size_t block = w.Random() % std::max<size_t>(1, w.large_bytes() / kBytes);
  if (pread(w.large(), w.buffer(), kBytes, static_cast<off_t>(block * kBytes)) <= 0) w.Fail("read");
  w.bytes += kBytes;
}

void MappedRead(Worker& w) {
  const size_t page = w.Random() % std::max<size_t>(1, w.large_bytes() / kPageBytes);
  std::memcpy(w.buffer(), w.mapping() + page * kPageBytes, kPageBytes);
  asm volatile("" : : "r"(w.buffer()) : "memory");  // the copy is wanted
  w.bytes += kPageBytes;
}

int OpenNext(Worker& w) {
  const std::string& name = w.NextName();
  const int fd = openat(w.small(), name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) w.Fail(name.c_str());
  return fd;
}

void OpenReadClose(Worker& w) {
  const int fd = OpenNext(w);
  ssize_t got = 0;
  while ((got = read(fd, w.buffer(), kBufferBytes)) > 0) w.bytes += static_cast<uint64_t>(got);
  if (got < 0) w.Fail("read");
  close(fd);
}

void OpenClose(Worker& w) { close(OpenNext(w)); }

void Stat(Worker& w) {
  struct stat status;
  const std::string& name = w.NextName();
  if (fstatat(w.small(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) w.Fail(name.c_str());
}

// One listing; each entry counts as an operation.
template <bool kStat>
void List(Worker& w) {
  const int fd = openat(w.small(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* directory = fd < 0 ? nullptr : fdopendir(fd);
  if (directory == nullptr) w.Fail("opendir");
  size_t entries = 0;
  while (const dirent* entry = readdir(directory)) {
    struct stat status;
    if (kStat && fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) w.Fail(entry->d_name);
    ++entries;
  }
  closedir(directory);
  w.operations += entries - 1;  // the caller counts one
}

size_t Blocks(Worker& w) { return w.Share(std::max<size_t>(1, w.large_bytes() / kBufferBytes)); }
size_t RandomReads(Worker& w) { return w.Share(kRandomReadsOfAPass); }
size_t Files(Worker& w) { return w.Share(w.target().names.size()); }
size_t OneListing(Worker&) { return 1; }

}  // namespace

const std::vector<Shape>& Shapes() {
  static const std::vector<Shape> kShapes = {
      {"seq1m", "1 MiB sequential", false, 1, Sequential<kBufferBytes>, Blocks},
      {"rnd128k", "128 KiB random", false, 2, RandomRead<128 << 10>, RandomReads},
      {"rnd4k", "4 KiB random", false, 16, RandomRead<kPageBytes>, RandomReads},
      {"mmap4k", "mmap, 4 KiB random", true, 64, MappedRead, RandomReads},
      {"small", "small files: open, read, close", false, 4, OpenReadClose, Files},
      {"open", "open, close", false, 8, OpenClose, Files},
      {"stat", "stat", false, 16, Stat, Files},
      {"readdir", "readdir", false, 1, List<false>, OneListing},
      {"ls-l", "ls -l (readdir, stat)", false, 1, List<true>, OneListing},
  };
  return kShapes;
}

const Shape* FindShape(const std::string& name) {
  const auto found = std::find_if(Shapes().begin(), Shapes().end(), [&](const Shape& s) { return name == s.name; });
  return found == Shapes().end() ? nullptr : &*found;
}

Worker::Worker(const Target& target, size_t index, size_t count)
    : target_(target),
      index_(index),
      count_(count),
      buffer_(static_cast<std::byte*>(std::aligned_alloc(kPageBytes, kBufferBytes))),
      random_(static_cast<uint32_t>(2654435761u * (index + 1))) {
  std::memset(buffer_, 1, kBufferBytes);  // its pages exist before the clock runs
}

Worker::~Worker() {
  Unmap();
  if (large_fd_ >= 0) close(large_fd_);
  if (small_fd_ >= 0) close(small_fd_);
  std::free(buffer_);
}

int Worker::large() {
  if (large_fd_ >= 0) return large_fd_;
  large_fd_ = open((target_.directory + "/" + target_.large).c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (large_fd_ < 0 || fstat(large_fd_, &status) != 0) Fail(target_.large.c_str());
  large_bytes_ = static_cast<uint64_t>(status.st_size);
  return large_fd_;
}

uint64_t Worker::large_bytes() {
  large();
  return large_bytes_;
}

int Worker::small() {
  if (small_fd_ >= 0) return small_fd_;
  small_fd_ = open((target_.directory + "/" + target_.small).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (small_fd_ < 0) Fail(target_.small.c_str());
  return small_fd_;
}

void Worker::Map() {
  void* at = mmap(nullptr, large_bytes(), PROT_READ, MAP_SHARED, large(), 0);
  if (at == MAP_FAILED) Fail("mmap");
  mapping_ = static_cast<std::byte*>(at);
}

void Worker::Unmap() {
  if (mapping_ != nullptr) munmap(mapping_, large_bytes_);
  mapping_ = nullptr;
}

uint32_t Worker::Random() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  return random_;
}

size_t Worker::NextUnit(size_t units) {
  if (!started_) next_ = units * index_ / count_;
  started_ = true;
  if (next_ >= units) next_ = 0;
  return next_++;
}

const std::string& Worker::NextName() {
  if (target_.names.empty()) {
    errno = ENOENT;
    Fail("small files");
  }
  return target_.names[NextUnit(target_.names.size())];
}

size_t Worker::Share(size_t units) const { return units * (index_ + 1) / count_ - units * index_ / count_; }

void Worker::Fail(const char* what) const {
  std::fprintf(stderr, "readbench: %s: %s: %s\n", target_.directory.c_str(), what, std::strerror(errno));
  std::_Exit(1);
}

}  // namespace sluice::bench

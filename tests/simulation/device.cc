#include "tests/simulation/device.h"

#include <pthread.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sluice::simulation {
namespace {

using Kind = io::FileRequest::Kind;

constexpr std::string_view kKindNames[] = {"open", "read", "write", "punch", "unlink", "close"};

SimulatedDevice* device_of_preadv2 = nullptr;

}  // namespace

SimulatedDevice::SimulatedDevice(World& world, Medium& medium)
    : FileIo(world.loop), world_(world), medium_(medium), random_(world.seed, "device") {
  device_of_preadv2 = this;
}

SimulatedDevice::~SimulatedDevice() { device_of_preadv2 = nullptr; }

Duration SimulatedDevice::Delay() {
  if (world_.faults.Happens(random_, world_.faults.slow_device)) {
    return std::chrono::milliseconds(random_.Between(1, 1000));
  }
  if (random_.OneIn(4)) return Duration(0);
  return std::chrono::microseconds(random_.Between(1, random_.OneIn(8) ? 5000 : 200));
}

void SimulatedDevice::Start(io::FileRequest& request) {
  ++under_way_;
  const std::string name = request.kind == Kind::kOpen ? request.path : medium_.NameOf(request.fd);
  world_.Note("device: {} {} [{}, +{})", kKindNames[static_cast<size_t>(request.kind)], name, request.offset_bytes,
              request.length_bytes);
  loop_.After(Delay(), [this, &request] { Execute(request); });
}

// The errno that it fails with; 0 when it does not.
int SimulatedDevice::Fault(const io::FileRequest& request) {
  const Faults& faults = world_.faults;
  switch (request.kind) {
    case Kind::kOpen:
      return faults.Happens(random_, faults.open_error) ? EMFILE : 0;
    case Kind::kRead:
      if (faults.Happens(random_, faults.read_error)) return EIO;
      return faults.Happens(random_, faults.interrupted) ? EINTR : 0;
    case Kind::kWrite:
      if (faults.Happens(random_, faults.write_error)) return EIO;
      if (faults.Happens(random_, faults.full)) return ENOSPC;
      return faults.Happens(random_, faults.interrupted) ? EAGAIN : 0;
    case Kind::kPunch:
      if (!faults.Happens(random_, faults.punch_error)) return 0;
      left_holes_ = true;
      return EIO;
    default:
      return 0;
  }
}

void SimulatedDevice::CheckNotSealed(const io::FileRequest& request) {
  world_.Check(!medium_.IsSealed(request.fd), "sealed", "a {} in {}, which is sealed",
               kKindNames[static_cast<size_t>(request.kind)], medium_.NameOf(request.fd));
}

int SimulatedDevice::Write(io::FileRequest& r, size_t length_bytes) {
  CheckNotSealed(r);
  medium_.BeforeChange(r.fd, {r.offset_bytes, length_bytes});
  const ssize_t written = ::pwrite(r.fd, r.data, length_bytes, static_cast<off_t>(r.offset_bytes));
  if (written < 0) return -errno;
  const ByteRange range{r.offset_bytes, static_cast<uint64_t>(written)};
  if (range.length == 0) return 0;
  const Faults& faults = world_.faults;
  if (faults.Happens(random_, faults.lost_write)) medium_.Lose(r.fd, range, /*misdirected=*/false);
  if (faults.Happens(random_, faults.misdirected_write)) medium_.Lose(r.fd, range, /*misdirected=*/true);
  if (world_.plant == Plant::kBitFlip && random_.OneIn(100)) medium_.FlipBit(r.fd, range);
  return static_cast<int>(written);
}

int SimulatedDevice::Perform(io::FileRequest& r) {
  const Faults& faults = world_.faults;
  const bool is_short = r.length_bytes > 1 && faults.Happens(random_, faults.short_transfer);
  const size_t length = is_short ? random_.Between(1, r.length_bytes - 1) : r.length_bytes;
  int64_t result = -1;
  switch (r.kind) {
    case Kind::kOpen: {
      if ((r.flags & O_ACCMODE) != O_RDONLY && medium_.IsSealed(r.fd, r.path)) return -EPERM;
      const bool is_new = (r.flags & O_CREAT) != 0 && ::faccessat(r.fd, r.path, F_OK, 0) != 0;
      result = ::openat(r.fd, r.path, r.flags, 0600);
      if (result >= 0) medium_.OnOpen(r.fd, r.path, static_cast<int>(result), is_new);
      break;
    }
    case Kind::kRead:
      if (medium_.IsRotten(r.fd, {r.offset_bytes, length})) return -EIO;
      result = ::pread(r.fd, r.data, length, static_cast<off_t>(r.offset_bytes));
      break;
    case Kind::kWrite:
      return Write(r, length);
    case Kind::kPunch:
      if (world_.plant == Plant::kNoHoles) return 0;
      CheckNotSealed(r);
      medium_.BeforeChange(r.fd, {r.offset_bytes, r.length_bytes});
      result = ::fallocate(r.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(r.offset_bytes),
                           static_cast<off_t>(r.length_bytes));
      break;
    case Kind::kUnlink:
      result = ::unlinkat(r.fd, r.path, 0);
      break;
    case Kind::kClose:
      result = ::close(r.fd);
      break;
  }
  return result < 0 ? -errno : static_cast<int>(result);
}

void SimulatedDevice::Execute(io::FileRequest& request) {
  if (const int error = Fault(request); error != 0) return End(request, -error);
  if (request.kind == Kind::kWrite && request.length_bytes > 1 && random_.OneIn(4)) {
    const int written = Write(request, random_.Between(1, request.length_bytes - 1));
    world_.Check(written > 0, "simulation", "a write of the simulation's own failed: {}", written);
    return loop_.After(Delay(), [this, &request] { End(request, Perform(request)); });  // all of it, once more
  }
  End(request, Perform(request));
}

void SimulatedDevice::End(io::FileRequest& request, int result) {
  loop_.After(Delay(), [this, &request, result] {
    --under_way_;
    world_.Note("device: {} [{}, +{}) ends: {}", kKindNames[static_cast<size_t>(request.kind)], request.offset_bytes,
                request.length_bytes, request.kind == Kind::kOpen ? std::min(result, 0) : result);
    request.Complete(result);
  });
}

bool IsInMemory() { return device_of_preadv2 == nullptr || device_of_preadv2->IsInMemory(); }

}  // namespace sluice::simulation

// In the C library's place: a tmpfs does not know reads that may not wait, and what a disk's page cache has is chance.
extern "C" ssize_t preadv2(int fd, const iovec* vector, int count, off_t offset, int flags) {
  if ((flags & RWF_NOWAIT) != 0 && !sluice::simulation::IsInMemory()) {
    errno = EAGAIN;
    return -1;
  }
  return ::preadv(fd, vector, count, offset);
}
// Names of RocksDB's threads go through /proc, and a process that has entries there takes long to end.
extern "C" int pthread_setname_np(pthread_t, const char*) { return 0; }
extern "C" ssize_t preadv64v2(int fd, const iovec* vector, int count, off64_t offset, int flags) {
  return preadv2(fd, vector, count, offset, flags);
}

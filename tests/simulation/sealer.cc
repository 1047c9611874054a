#include "tests/simulation/sealer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace sluice::simulation {
namespace {

bool IsOpenForWriting(int file_fd) {
  constexpr int kMost = 2048;
  struct stat file{};
  ::fstat(file_fd, &file);
  for (int fd = 0; fd < kMost; ++fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    struct stat other{};
    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && ::fstat(fd, &other) == 0 && other.st_ino == file.st_ino &&
        other.st_dev == file.st_dev)
      return true;
  }
  return false;
}

}  // namespace

SimulatedSealer::SimulatedSealer(World& world, Medium& medium)
    : world_(world),
      medium_(medium),
      random_(world.seed, "sealer"),
      seals_(world.sealing == Sealing::kBySeed ? random_.OneIn(2) : world.sealing == Sealing::kOn) {}

Status SimulatedSealer::Probe(int) { return seals_ ? absl::OkStatus() : Unimplemented("not in this seed"); }

io::Task<Status> SimulatedSealer::Seal(int fd) {
  ++under_way_;
  co_await world_.loop.Sleep(std::chrono::microseconds(random_.Between(1, random_.OneIn(8) ? 5000 : 200)));
  Status status;
  if (IsOpenForWriting(fd)) {
    status = ErrnoStatus(ETXTBSY, "sealer");
  } else if (!random_.OneIn(8)) {
    medium_.Seal(fd);
  } else {
    status = Unavailable("sealer: not now");
  }
  world_.Note("sealer: {}: {}", medium_.NameOf(fd), status.ToString());
  --under_way_;
  co_return status;
}

bool SimulatedSealer::IsSealed(int fd) { return world_.plant != Plant::kForgottenSeal && medium_.IsSealed(fd); }

}  // namespace sluice::simulation

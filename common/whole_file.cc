#include "common/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/unique_fd.h"

namespace sluice {

Status WriteWholeFile(const std::string& path, const std::string& text, Outlasts outlasts) {
  const std::string fresh = path + ".new";
  {
    const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return ErrnoStatus(errno, fresh);
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) return ErrnoStatus(written < 0 ? errno : ENOSPC, fresh);
    if (outlasts == Outlasts::kPowerLoss && ::fsync(fd.get()) != 0) return ErrnoStatus(errno, fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, path);
  if (outlasts == Outlasts::kProcess) return absl::OkStatus();
  const UniqueFd directory(::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

StatusOr<std::string> ReadWholeFile(const std::string& path, size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  std::string text(bytes_max + 1, '\0');
  const ssize_t length = ::read(fd.get(), text.data(), text.size());
  if (length < 0) return ErrnoStatus(errno, path);
  if (static_cast<size_t>(length) > bytes_max) {
    return FailedPrecondition("{} has more than {} bytes", path, bytes_max);
  }
  text.resize(static_cast<size_t>(length));
  return text;
}

}  // namespace sluice

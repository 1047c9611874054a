#include "source/file_source.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace sluice::source {
namespace {

constexpr size_t kPageEntries = 1000;
constexpr long kFuseMagic = 0x65735546;

std::string VersionOf(const struct stat& st) {
  return fmt::format("{:x}-{:x}{:09x}-{:x}", st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_ino);
}

// False when it is neither file, directory nor symbolic link: sockets, devices and pipes are not shown.
bool FillEntry(const struct stat& st, Entry* entry) {
  entry->mtime_ns = st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
  if (S_ISDIR(st.st_mode)) {
    entry->kind = Entry::Kind::kDirectory;
    return true;
  }
  entry->size_bytes = static_cast<uint64_t>(st.st_size);
  entry->version = VersionOf(st);
  entry->executable = (st.st_mode & S_IXUSR) != 0;
  if (S_ISLNK(st.st_mode)) entry->kind = Entry::Kind::kSymlink;
  return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode);
}

}  // namespace

StatusOr<std::unique_ptr<FileSource>> FileSource::Open(const std::string& directory, io::FileIo& io,
                                                       io::BlockingPool& pool) {
  UniqueFd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return ErrnoStatus(errno, fmt::format("the source directory {}", directory));
  struct statfs fs{};
  if (::fstatfs(root.get(), &fs) == 0 && fs.f_type == kFuseMagic) {
    return FailedPrecondition(
        "{} is on a FUSE file system; give its own source instead, a cache must not wait for a "
        "mount of its own",
        directory);
  }
  return std::unique_ptr<FileSource>(new FileSource(std::move(root), io, pool));
}

StatusOr<UniqueFd> FileSource::OpenBelow(const std::string& path, int flags) const {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  // RESOLVE_NO_SYMLINKS would refuse a link itself as well, which O_PATH | O_NOFOLLOW may open.
  const std::string relative = path.empty() ? "." : path;
  const long fd = ::syscall(SYS_openat2, root_.get(), relative.c_str(), &how, sizeof how);
  if (fd < 0) return ErrnoStatus(errno, path);
  return UniqueFd(static_cast<int>(fd));
}

io::Task<StatusOr<Entry>> FileSource::Stat(std::string path) {
  co_return co_await pool_.Run([this, path]() -> StatusOr<Entry> {
    Entry entry;
    entry.name = path.substr(path.rfind('/') + 1);
    struct stat st{};
    if (path.empty()) {
      if (::fstat(root_.get(), &st) != 0) return ErrnoStatus(errno, "the source directory");
    } else {
      const size_t slash = path.rfind('/');
      ASSIGN_OR_RETURN(const UniqueFd parent,
                       OpenBelow(slash == std::string::npos ? "" : path.substr(0, slash), O_PATH));
      if (::fstatat(parent.get(), entry.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOTDIR ? NotFound("{} lies below no directory", path) : ErrnoStatus(errno, path);
      }
    }
    if (!FillEntry(st, &entry)) return NotFound("{} is neither a file, a directory nor a symbolic link", path);
    return entry;
  });
}

StatusOr<Page> FileSource::ListNow(const std::string& directory, const std::string& continuation) const {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenBelow(directory, O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), ::closedir);
  if (stream == nullptr) return ErrnoStatus(errno, directory);
  fd.release();  // closedir closes it
  if (!continuation.empty()) ::seekdir(stream.get(), std::strtol(continuation.c_str(), nullptr, 10));
  Page page;
  while (const dirent* item = ::readdir(stream.get())) {
    const std::string_view name = item->d_name;
    if (name == "." || name == "..") continue;
    struct stat st{};
    if (::fstatat(::dirfd(stream.get()), item->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
    Entry entry;
    entry.name = name;
    if (!FillEntry(st, &entry)) {
      ++page.hidden;
      continue;
    }
    page.entries.push_back(std::move(entry));
    if (page.entries.size() == kPageEntries) {
      page.next = std::to_string(::telldir(stream.get()));
      break;
    }
  }
  return page;
}

io::Task<StatusOr<Page>> FileSource::List(std::string directory, std::string continuation) {
  co_return co_await pool_.Run([this, directory, continuation] { return ListNow(directory, continuation); });
}

io::Task<Status> FileSource::Read(ReadRequest read) {
  CO_ASSIGN_OR_RETURN(const UniqueFd fd, co_await pool_.Run([this, path = read.path]() -> StatusOr<UniqueFd> {
    return OpenBelow(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }));
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) co_return ErrnoStatus(errno, read.path);
  if (VersionOf(st) != read.version) co_return Aborted("{} has changed since it was opened", read.path);
  // In pieces, so that a reader gets its range before the whole block has come.
  constexpr size_t kPiece = 1u << 20;
  for (size_t done = 0; done < read.target.size();) {
    const auto piece = read.target.subspan(done, std::min(kPiece, read.target.size() - done));
    const Status status = co_await io_.Read(fd.get(), piece, read.offset_bytes + done);
    if (!status.ok()) co_return Annotate(status, read.path);
    done += piece.size();
    // Written to in place while it was read: the version tells, and these bytes are not passed on.
    if (::fstat(fd.get(), &st) != 0 || VersionOf(st) != read.version) {
      co_return Aborted("{} has changed while it was read", read.path);
    }
    if (read.on_progress) read.on_progress(done);
  }
  co_return absl::OkStatus();
}

io::Task<StatusOr<std::string>> FileSource::ReadLink(std::string path) {
  co_return co_await pool_.Run([this, path]() -> StatusOr<std::string> {
    const size_t slash = path.rfind('/');
    ASSIGN_OR_RETURN(const UniqueFd parent, OpenBelow(slash == std::string::npos ? "" : path.substr(0, slash), O_PATH));
    std::string target(PATH_MAX, '\0');
    const ssize_t length =
        ::readlinkat(parent.get(), path.substr(path.rfind('/') + 1).c_str(), target.data(), target.size());
    if (length < 0) return ErrnoStatus(errno, path);
    target.resize(static_cast<size_t>(length));
    return target;
  });
}

}  // namespace sluice::source

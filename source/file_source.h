// A directory of this machine as a source: a local disk, or a file server that is mounted.
//
// No path leaves the directory: every open goes through openat2 with RESOLVE_BENEATH and without following symbolic
// links, which are shown as links. Directories on a sluice mount are refused: the daemon must never wait for itself.
//
// Threads, Suspends, Errors:  as source/source.h. Reads go through FileIo, the rest through the blocking pool.
#pragma once

#include <memory>

#include "common/unique_fd.h"
#include "io/file_io.h"
#include "source/source.h"

namespace sluice::source {

class FileSource : public Source {
 public:
  // Error: NOT_FOUND, PERMISSION_DENIED (the daemon's user may not read it) or FAILED_PRECONDITION (no directory).
  static StatusOr<std::unique_ptr<FileSource>> Open(const std::string& directory, io::FileIo& io,
                                                    io::BlockingPool& pool);

  io::Task<StatusOr<Entry>> Stat(std::string path) override;
  io::Task<StatusOr<Page>> List(std::string directory, std::string continuation) override;
  io::Task<Status> Read(ReadRequest request) override;
  io::Task<StatusOr<std::string>> ReadLink(std::string path) override;

 private:
  FileSource(UniqueFd root, io::FileIo& io, io::BlockingPool& pool) : root_(std::move(root)), io_(io), pool_(pool) {}

  StatusOr<UniqueFd> OpenBelow(const std::string& path, int flags) const;
  StatusOr<Page> ListNow(const std::string& directory, const std::string& continuation) const;

  UniqueFd root_;
  io::FileIo& io_;
  io::BlockingPool& pool_;
};

}  // namespace sluice::source

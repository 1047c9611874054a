// Seals files: from then on nobody can change one, and the kernel compares each page that it reads of it from the
// medium with a hash of when it was sealed, whoever reads. A page that is another is EIO.
//
// Threads:   Probe before the loop runs; the rest on the loop.
// Suspends:  Seal, while the file is read from its beginning to its end.
// Limits:    two files at a time, and one of more than 64 MiB; the rest wait.
// Errors:    Probe: why files of that directory cannot be sealed. Seal: UNAVAILABLE while somebody has the file open to
//            write to it, PERMISSION_DENIED when its mode lets nobody write; it is as it was then.
#pragma once

#include <memory>

#include "common/status.h"
#include "io/blocking_pool.h"

namespace sluice::io {

class Sealer {
 public:
  virtual ~Sealer() = default;

  // By an attempt on a file of its own.
  virtual Status Probe(int directory_fd) = 0;
  // A file that is open for reading. One that is sealed already is fine.
  virtual Task<Status> Seal(int fd) = 0;
  virtual bool IsSealed(int fd) = 0;
};

// With fs-verity (SHA-256): Linux with CONFIG_FS_VERITY; ext4 and f2fs with the feature `verity`, btrfs. Its hashes
// take 1/127 of a file's size beside it.
std::unique_ptr<Sealer> MakeVeritySealer(BlockingPool& pool);

}  // namespace sluice::io

// How a mount's files are opened.
//
//   large files   every open comes to the daemon, which has the kernel read whole files by itself (fuse/open_files.h)
//   small files   none does: opening, at 30-70 µs a round trip, is what costs there. The kernel keeps pages and
//                 attributes, and asks for what it does not have by inode number
//
// The kernel is told by ENOSYS as the answer to an open: from then on it opens and closes files of that mount without a
// word. It can be told at any time, and never forgets. So `auto` begins with large files, and changes once it knows
// enough names to see that the bytes are in small files.
//
// Threads:     any.
// Invariants:  a mount that has become one of small files stays one, also for the next process (cache/catalog.h).
#pragma once

#include <string_view>

#include "cache/catalog.h"

namespace sluice::fuse {

class Profile {
 public:
  // Fewer known files than this tell nothing.
  static constexpr uint64_t kFilesMin = 256;

  // `access`: auto, large-files, small-files, native.
  Profile(std::string_view access, cache::Catalog& catalog)
      : catalog_(catalog), is_auto_(access == "auto" || access == "native"), small_files_(access == "small-files") {}

  // Whether the answer to this open is that none is needed.
  bool NoOpen() {
    if (!small_files_ && !(is_auto_ && BytesAreInSmallFiles())) return false;
    catalog_.SetNoOpen();
    return true;
  }

  bool small_files() const { return small_files_ || catalog_.no_open(); }

 private:
  bool BytesAreInSmallFiles() const {
    const cache::Catalog::Totals totals = catalog_.totals();
    return totals.files >= kFilesMin && totals.small_bytes * 2 >= totals.bytes;
  }

  cache::Catalog& catalog_;
  const bool is_auto_;
  const bool small_files_;
};

}  // namespace sluice::fuse

// Which directories to list before a reader comes to them.
//
// Programs that read a whole tree (find, ls -R, tar, os.walk) go through it depth first, each directory's entries in
// the order in which it shows them. A reader that takes such a step is taken to be on a walk: the directories that
// come next on it are worth listing, 2 at first, twice as many with each further step. A step elsewhere ends the walk,
// so that who opens one directory here and there costs the source nothing. Several walks at a time are told apart by
// where they are; a new one takes the place of the one that was quiet for longest.
//
// Threads:  loop-confined.
// Limits:   kWalks walks; kMax directories ahead of each; of entries that are no directories the catalog looks at so
//           many in between (Catalog::Subdirectories).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cache/catalog.h"

namespace sluice::cache {

class ListAhead {
 public:
  static constexpr size_t kMax = 16;
  static constexpr size_t kWalks = 8;

  explicit ListAhead(const Catalog& catalog) : catalog_(catalog) {}

  // Tells that a reader begins to read `directory`. Returns what it will read next, nearest first, listed or not;
  // empty when it is on no walk.
  std::vector<Ino> OnRead(Ino directory);

 private:
  struct Walk {
    Ino last = 0;  // the directory that was read last
    Ino top = 0;   // the walk stays below
    size_t window = 0;
    uint64_t used = 0;  // 0: never
  };

  Walk* Find(Ino directory);
  Walk* BesideOrOldest(Ino directory);
  // `directory` is one of the next that a depth-first walk comes to, children of what is not read yet left out.
  bool Follows(const Walk& walk, Ino directory) const;
  std::vector<Ino> Next(const Walk& walk) const;
  // Adds the directories below `directory`, depth first, from its child behind `after` on.
  void AddBelow(Ino directory, Ino after, size_t count, std::vector<Ino>& next) const;
  Ino ParentOf(Ino directory) const;

  const Catalog& catalog_;
  std::array<Walk, kWalks> walks_{};
  uint64_t clock_ = 0;
};

}  // namespace sluice::cache

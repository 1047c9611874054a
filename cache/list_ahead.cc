#include "cache/list_ahead.h"

#include <algorithm>

namespace sluice::cache {

std::vector<Ino> ListAhead::OnRead(Ino directory) {
  constexpr size_t kFirst = 2;
  ++clock_;
  Walk* walk = Find(directory);
  if (walk != nullptr) {
    walk->window = std::clamp(walk->window * 2, kFirst, kMax);
    walk->last = directory;
  } else {
    walk = BesideOrOldest(directory);
    // Who reads a directory next to the last one walks through both's parent; else the walk begins here.
    const Ino parent = ParentOf(directory);
    const bool beside = walk->used > 0 && parent != 0 && parent == ParentOf(walk->last);
    *walk = {.last = directory, .top = beside ? parent : directory};
  }
  walk->used = clock_;
  return Next(*walk);
}

ListAhead::Walk* ListAhead::Find(Ino directory) {
  const auto found = std::find_if(walks_.begin(), walks_.end(),
                                  [&](const Walk& walk) { return walk.used > 0 && Follows(walk, directory); });
  return found == walks_.end() ? nullptr : &*found;
}

ListAhead::Walk* ListAhead::BesideOrOldest(Ino directory) {
  const Ino parent = ParentOf(directory);
  const auto beside = std::find_if(walks_.begin(), walks_.end(),
                                   [&](const Walk& walk) { return walk.used > 0 && ParentOf(walk.last) == parent; });
  if (beside != walks_.end()) return &*beside;
  return &*std::min_element(walks_.begin(), walks_.end(), [](const Walk& a, const Walk& b) { return a.used < b.used; });
}

bool ListAhead::Follows(const Walk& walk, Ino directory) const {
  const Ino parent = ParentOf(directory);
  Ino at = walk.last;
  Ino below = 0;  // the child of `at` that the walk has been to
  while (at != parent) {
    if (at == walk.top || at <= kRootIno) return false;
    below = at;
    at = ParentOf(at);
  }
  const std::vector<Ino> next = catalog_.Subdirectories(parent, below, kMax);
  return std::find(next.begin(), next.end(), directory) != next.end();
}

std::vector<Ino> ListAhead::Next(const Walk& walk) const {
  std::vector<Ino> next;
  AddBelow(walk.last, 0, walk.window, next);
  for (Ino at = walk.last; at != walk.top && at > kRootIno; at = ParentOf(at)) {
    AddBelow(ParentOf(at), at, walk.window, next);
  }
  return next;
}

void ListAhead::AddBelow(Ino directory, Ino after, size_t count, std::vector<Ino>& next) const {
  if (next.size() >= count) return;
  for (const Ino child : catalog_.Subdirectories(directory, after, count - next.size())) {
    if (next.size() >= count) return;
    next.push_back(child);
    AddBelow(child, 0, count, next);
  }
}

Ino ListAhead::ParentOf(Ino directory) const {
  const auto node = catalog_.Get(directory);
  return node ? node->parent : 0;
}

}  // namespace sluice::cache

// Proves the published trees that this process found when it began: the kernel reads their files by itself, and nobody
// compares what it reads. A bad block is fetched again, into the same file: a tree that is mounted stays as it is, and
// its readers find the right bytes there. (A sealed file is replaced; its tree is made anew when nobody has it
// mounted.)
//
// Threads:   on the loop.
// Suspends:  Prove.
// Limits:    one tree at a time, one block at a time; between two blocks it rests as long as the last one took, which
//            leaves others at least half of a medium's time.
// Errors:    none: what cannot be read is dropped, and what cannot be fetched now is left to the next attempt.
#pragma once

#include <set>

#include "cache/published_trees.h"
#include "daemon/mounts.h"

namespace sluice::daemon {

class TreeProver {
 public:
  TreeProver(cache::PublishedTrees& trees, cache::Cache& cache, io::Loop& loop)
      : trees_(trees), cache_(cache), loop_(loop), turn_(loop, 1), gate_(loop) {}

  // What is not proven of the volume's tree, until the volume goes, or `stop` is set.
  io::Task<void> Prove(std::shared_ptr<Mount> mount, const std::atomic<bool>& stop);
  // The same behind the caller, unless it is under way.
  void Start(const std::shared_ptr<Mount>& mount);
  // The same, when the tree is mounted already. Once it is known which are.
  void OnServed(const std::shared_ptr<Mount>& mount);

  io::Task<void> Close() { return gate_.Close(); }

 private:
  io::Task<void> Run(std::shared_ptr<Mount> mount);
  io::Task<void> ProveObject(const Mount& mount, cache::ObjectVersion version, uint8_t medium,
                             const std::atomic<bool>& stop);
  bool MayGoOn(const Mount& mount, const std::atomic<bool>& stop) const {
    return !stop && !mount.closing && !gate_.closed();
  }

  cache::PublishedTrees& trees_;
  cache::Cache& cache_;
  io::Loop& loop_;
  io::Semaphore turn_;
  io::Gate gate_;
  std::set<std::string> started_;  // names of trees
};

}  // namespace sluice::daemon

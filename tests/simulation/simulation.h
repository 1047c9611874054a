// One run of the whole cache from one seed: the lives of a process, one after the other, and how each ends.
//
// The cache is the daemon's: Cache, fills, read-ahead, BlockStore, tiers, policies, index. Around it everything is
// simulated, on a loop whose time jumps:
//
//   device   tests/simulation/device.h and medium.h: operations that overlap, fail, are slow; what a crash leaves
//   source   tests/simulation/origin.h: fails, breaks off, stalls, replaces objects
//   crash    what is on the media at that moment is copied, and the next life begins with the copy. The life that was
//   cut
//            off comes to its end where nobody sees it: its readers are still checked
//   index    RocksDB itself, in a directory. A crash copies it; with a loss of power, what it had not synced of its log
//   is
//            cut off somewhere. It commits each change at once (cache/index.h): its thread is not simulated, nor damage
//            to its files (unit tests have that)
//
// Checkers, by the name that a run ends with:
//
//   bytes      what is read is what the source has, in the version that was opened; held files do not change
//   one-fetch  a block is fetched once at a time
//   budget     quotas of the tiers, and of datasets in them; memory and number of fetches
//   errors     a reader gets no error but the source's
//   zero       what is counted is what there is, and nothing is left in the end: blocks, objects, descriptors
//   space      files take no more than the blocks in them
//   sealed     nothing is written to a sealed file, and no hole made in it
//   progress   what was begun ends; when nothing fails any more everything can be read
//
// Not simulated: threads that meet (TryRead beside the loop, the index's thread), names and listings (Catalog,
// Dataset), retries (source/retry.h), FUSE, published trees.
#pragma once

#include "tests/simulation/world.h"

namespace sluice::simulation {

struct Outcome {
  uint64_t trace_hash = 0;
  size_t checks = 0;
};

// Ends the process when a checker finds something. Runs once in a process' life, which makes all runs of a seed alike:
// containers that begin their lives in the same order hash alike.
// `directory` is empty, and the caller's to remove.
Outcome Simulate(uint64_t seed, Plant plant, Sealing sealing, bool print_trace, const std::string& directory);

}  // namespace sluice::simulation

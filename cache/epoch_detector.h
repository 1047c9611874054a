// Tells from a tier's reads whether to keep what is in it, or to let its policy replace.
//
// It asks what would have come of the other choice, and answers by simulation: of all blocks a fixed share is sampled
// by hash (Waldspurger et al., "Efficient MRC Construction with SHARDS", FAST 2015), and the sampled reads are run
// through caches of the same share of the tier's size ("Cache Modeling and Optimization using Miniature Simulations",
// USENIX ATC 2017). A trial, a miniature that fills once and keeps, is compared with what the tier has; while the tier
// keeps, so is a miniature of the policy. The leads are summed up (Page, "Continuous Inspection Schemes", Biometrika
// 1954): any lasting difference is found, and what a wrong choice can cost is bounded: by about a tier's worth of hits.
//
// While the tier keeps what nobody reads any more, and reads another dataset for the first time, no simulation has any
// hits to show. So keys are remembered for 16 times the tier (some fewer when it has just grown), and when most of what
// is read was not seen before, after a time when most was, the dataset is another.
//
// Threads:     loop-confined.
// Limits:      samples 512 to 2047 of the tier's blocks, remembers 32 times as many hashes: at most 2 MiB; beside a
//              W-TinyLFU tier of fewer than 2048 blocks, another sketch of that tier's.
// Invariants:  the choice depends on the reads alone: no clock, no random numbers.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <functional>
#include <memory>

#include "cache/policy.h"

namespace sluice::cache {

using MakeInner = std::function<std::unique_ptr<Policy>(uint64_t capacity_bytes)>;

// A uniform hash that is the same in every process.
uint64_t StableHash(const BlockKey& key);

class EpochDetector {
 public:
  enum class Advice : uint8_t {
    kNone,
    kRenew,    // what is kept is of no use: it should give way to what is read from now on
    kNewData,  // the same, as far as nobody goes back to it
  };

  EpochDetector(MakeInner make_inner, uint64_t capacity_bytes, Epochs epochs);

  // A block was read: `hit` when it was resident. `resident`: how many blocks the tier has.
  Advice Observe(const BlockKey& key, uint64_t bytes, bool hit, size_t resident);

  // The tier's quota is another one: the miniatures begin anew.
  void SetCapacity(uint64_t bytes);

  // Which blocks are resident: what the tier would keep may be of no use to what is read now.
  void Entered(const BlockKey& key);
  void Left(const BlockKey& key);

  bool keeping() const { return keeping_; }
  bool new_data() const { return new_data_; }  // most of what is read now was not seen before

 private:
  // A cache of sampled blocks under the policy.
  class Miniature {
   public:
    Miniature(std::unique_ptr<Policy> policy, uint64_t capacity_bytes);
    bool Read(const BlockKey& key, uint64_t bytes);  // true for a hit

   private:
    void Enter(const BlockKey& key, uint64_t bytes);

    std::unique_ptr<Policy> policy_;
    uint64_t capacity_bytes_;
    uint64_t used_bytes_ = 0;
    absl::flat_hash_map<BlockKey, uint64_t> resident_;
  };

  // A cache of sampled blocks that fills once and keeps.
  struct Trial {
    absl::flat_hash_set<uint64_t> kept;  // hashes
    uint64_t used_bytes = 0;
    bool full = false;
    uint64_t began = 1;
    double lead = 0;  // hits ahead of the policy, less what is asked of it
    double lag = 0;   // hits behind
  };

  // When a key was last read, for those read not too long ago: two generations, the older one is forgotten as a whole.
  class History {
   public:
    // The time of the last read before, which becomes `now`; 0 when it is unknown.
    uint64_t Exchange(uint64_t hash, uint64_t now, size_t keys_min);
    uint64_t LastRead(uint64_t hash) const;  // 0 when it is unknown

   private:
    absl::flat_hash_map<uint64_t, uint64_t> recent_;  // by hash
    absl::flat_hash_map<uint64_t, uint64_t> older_;
  };

  uint64_t mask() const { return (uint64_t{1} << shift_) - 1; }
  void Rescale(size_t resident);
  void BeginMiniatures();
  bool NewDataBegins(bool unknown);
  void Reconsider(bool inner_hit, bool hit);
  Advice TryKeeping(uint64_t hash, uint64_t bytes, bool hit);
  void StartTrial();
  void Renew();
  double JunkShare() const;

  const MakeInner make_inner_;
  uint64_t capacity_bytes_;
  const bool declared_;
  bool keeping_;
  uint32_t shift_ = 0;      // one block in 2^shift_ is sampled
  double tier_blocks_ = 0;  // sampled ones that the tier has
  uint64_t now_ = 1;        // sampled reads so far
  uint64_t reconsider_at_ = 0;
  double patience_ = 1;
  bool new_data_ = true;
  double unknown_share_ = 1;  // of late
  double regret_ = 0;         // hits that the policy would have had and keeping had not
  Miniature inner_;
  Trial trial_;
  History history_;
  absl::flat_hash_set<uint64_t> resident_;  // hashes of the sampled blocks that the tier has
};

}  // namespace sluice::cache

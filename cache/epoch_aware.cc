// A policy that lets another one replace, or keeps, as an EpochDetector says.
//
// What is kept gives way in two cases. A block that was refused and is asked for again soon is read more often than
// once per epoch: it is let in. (Asked for again at once, it is still the same visit, which outlived the buffer of its
// fetch.) And when the data becomes another, the blocks that are there become the old generation:
// the new data takes the place of those of them that nobody reads.
#include <absl/container/flat_hash_map.h>

#include <algorithm>

#include "cache/epoch_detector.h"

namespace sluice::cache {
namespace {

// Refused blocks are remembered while up to an eighth of a tier's worth is read. In shuffled epochs over twice the tier
// a block comes again within this distance in one case of 500.
constexpr size_t kResidentPerGhost = 8;
// S3-FIFO passes over a block that was often read three times before it lets it go.
constexpr size_t kRoundsMax = 5;
constexpr size_t kInterlude = 16;

// Reads of a block within this part of a tier's worth of reads are one visit.
constexpr size_t kResidentPerVisit = 64;

class EpochAware : public Policy {
 public:
  EpochAware(const MakeInner& make_inner, uint64_t capacity_bytes, Epochs epochs)
      : make_inner_(make_inner),
        capacity_bytes_(capacity_bytes),
        inner_(make_inner(capacity_bytes)),
        detector_(make_inner, capacity_bytes, epochs) {}

  bool Admit(const BlockKey& key, uint64_t bytes, bool has_room) override {
    Observe(key, bytes, /*hit=*/false);
    if (detector_.keeping() && !has_room && !renewing_ && !AskedAgain(key)) return false;
    return inner_->Admit(key, bytes, has_room);
  }

  void Insert(const BlockKey& key, uint64_t bytes) override {
    inner_->Insert(key, bytes);
    detector_.Entered(key);
  }

  void Touch(const BlockKey& key, uint64_t bytes) override {
    Observe(key, bytes, /*hit=*/true);
    if (old_ != nullptr) {
      const size_t before = old_->size();
      old_->Erase(key, /*evicted=*/false);
      const bool was_old = old_->size() < before;
      if (was_old) inner_->Insert(key, bytes);
      NoteHit(was_old);
      EndGeneration();
    }
    inner_->Touch(key, bytes);
  }

  void Erase(const BlockKey& key, bool evicted) override {
    detector_.Left(key);
    inner_->Erase(key, evicted);
    if (old_ == nullptr) return;
    old_->Erase(key, evicted);
    EndGeneration();
  }

  std::optional<BlockKey> Victim(const Evictable& evictable) override {
    if (old_ != nullptr) {
      if (const auto victim = old_->Victim(evictable)) {
        vain_looks_ = 0;
        return victim;
      }
      // Its policy looks at some blocks at a time. When it has gone round and found none, what is left of it is held.
      if (++vain_looks_ > kRoundsMax * (1 + old_->size() / kLookMax)) renewing_ = false;
      if (renewing_) return std::nullopt;
    }
    return inner_->Victim(evictable);
  }

  size_t size() const override { return inner_->size() + (old_ == nullptr ? 0 : old_->size()); }
  void SetCapacity(uint64_t bytes) override {
    capacity_bytes_ = bytes;
    inner_->SetCapacity(bytes);
    if (old_ != nullptr) old_->SetCapacity(bytes);
    detector_.SetCapacity(bytes);
  }
  bool Keeps() const override { return detector_.keeping() && !renewing_; }

 private:
  void Observe(const BlockKey& key, uint64_t bytes, bool hit) {
    const auto advice = detector_.Observe(key, bytes, hit, size());
    if (advice != EpochDetector::Advice::kNone) BeginGeneration(advice == EpochDetector::Advice::kNewData);
    ++asked_;
    if (++reads_ * 2 * kResidentPerGhost < size()) return;
    reads_ = 0;
    refused_before_ = std::exchange(refused_, {});
  }

  // When the data is not new any more, and most hits are of the old generation, then it was an interlude: what is left
  // of the old generation is worth its place.
  void NoteHit(bool of_old) {
    if (!renewing_for_new_data_ || detector_.new_data()) return;
    old_hits_ahead_ = of_old ? old_hits_ahead_ + 1 : old_hits_ahead_ - std::min<size_t>(old_hits_ahead_, 1);
    if (old_hits_ahead_ >= kInterlude) renewing_ = false;
  }

  // An old generation that is not used up yet stays the old one: its blocks are still the first to go.
  void BeginGeneration(bool for_new_data) {
    renewing_ = true;
    renewing_for_new_data_ = for_new_data;
    old_hits_ahead_ = 0;
    if (old_ == nullptr) old_ = std::exchange(inner_, make_inner_(capacity_bytes_));
    EndGeneration();
  }

  void EndGeneration() {
    if (old_->size() > 0) return;
    old_.reset();
    renewing_ = false;
  }

  // Whether a block was refused not long ago, in an earlier visit. Two generations of hashes, the older one is
  // forgotten as a whole.
  bool AskedAgain(const BlockKey& key) {
    const uint64_t hash = StableHash(key);
    for (auto* generation : {&refused_, &refused_before_}) {
      const auto found = generation->find(hash);
      if (found == generation->end()) continue;
      if (asked_ - found->second <= size() / kResidentPerVisit) return false;
      generation->erase(found);
      return true;
    }
    refused_[hash] = asked_;
    return false;
  }

  const MakeInner make_inner_;
  uint64_t capacity_bytes_;
  std::unique_ptr<Policy> inner_;
  std::unique_ptr<Policy> old_;  // the generation before; null when it is used up
  bool renewing_ = false;        // there is an old generation, and it gives way to whatever comes
  bool renewing_for_new_data_ = false;
  size_t old_hits_ahead_ = 0;
  size_t vain_looks_ = 0;  // at the old generation, since it named a victim
  EpochDetector detector_;
  uint64_t asked_ = 0;                               // reads, of whatever
  size_t reads_ = 0;                                 // since the younger generation of these began
  absl::flat_hash_map<uint64_t, uint64_t> refused_;  // hash to asked_ at the time
  absl::flat_hash_map<uint64_t, uint64_t> refused_before_;
};

}  // namespace

StatusOr<std::unique_ptr<Policy>> MakeEpochAware(std::string_view name, uint64_t capacity_bytes, Epochs epochs) {
  RETURN_IF_ERROR(MakePolicy(name, capacity_bytes).status());
  const auto make_inner = [name = std::string(name)](uint64_t bytes) { return *MakePolicy(name, bytes); };
  return std::unique_ptr<Policy>(std::make_unique<EpochAware>(make_inner, capacity_bytes, epochs));
}

}  // namespace sluice::cache

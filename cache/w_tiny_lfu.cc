// W-TinyLFU: a small window (1 %) in front of a segmented LRU (20 % probation, 80 % protected of the rest); what leaves
// the window must be more frequent than the probation's victim, by a count-min sketch that is halved now and then.
// Einziger, Friedman, Manes, ACM ToS 2017; the shares are the paper's.
#include <absl/hash/hash.h>

#include <algorithm>
#include <vector>

#include "cache/block_queue.h"
#include "cache/policy.h"

namespace sluice::cache {
namespace {

// Counts sightings up to 15 in four rows; after ten times its width in sightings all counts are halved.
class FrequencySketch {
 public:
  explicit FrequencySketch(size_t width) : width_(width), counts_(width * kRows) {}

  void Increment(const BlockKey& key) {
    for (size_t row = 0; row < kRows; ++row) {
      uint8_t& count = counts_[Slot(key, row)];
      if (count < kCountMax) ++count;
    }
    if (++sightings_ >= width_ * 10) {
      for (uint8_t& count : counts_) count /= 2;
      sightings_ /= 2;
    }
  }

  uint8_t Estimate(const BlockKey& key) const {
    uint8_t estimate = kCountMax;
    for (size_t row = 0; row < kRows; ++row) estimate = std::min(estimate, counts_[Slot(key, row)]);
    return estimate;
  }

 private:
  static constexpr size_t kRows = 4;
  static constexpr uint8_t kCountMax = 15;

  size_t Slot(const BlockKey& key, size_t row) const { return row * width_ + absl::HashOf(key, row) % width_; }

  const size_t width_;
  std::vector<uint8_t> counts_;
  size_t sightings_ = 0;
};

class WTinyLfu : public Policy {
 public:
  // The sketch is as wide as the tier has blocks of 64 KiB, between 1 Ki and 4 Mi counters a row.
  explicit WTinyLfu(uint64_t capacity_bytes) : sketch_(std::clamp<uint64_t>(capacity_bytes >> 16, 1u << 10, 1u << 22)) {
    SetCapacity(capacity_bytes);
  }

  bool Admit(const BlockKey& key, uint64_t, bool) override {
    sketch_.Increment(key);
    return true;  // the window takes everything; the choice is made when a block leaves it
  }

  void Insert(const BlockKey& key, uint64_t bytes) override { window_.PushBack({key, bytes}); }

  void Touch(const BlockKey& key, uint64_t) override {
    sketch_.Increment(key);
    window_.MoveToBack(key);
    protected_.MoveToBack(key);
    if (!probation_.Contains(key)) return;
    protected_.PushBack(probation_.Remove(key));
    while (protected_.bytes() > protected_bytes_ && protected_.size() > 1) {
      probation_.PushBack(protected_.Remove(protected_.front().key));
    }
  }

  void Erase(const BlockKey& key, bool) override {
    window_.Remove(key);
    probation_.Remove(key);
    protected_.Remove(key);
  }

  std::optional<BlockKey> Victim(const Evictable& evictable) override {
    Look window{window_}, probation{probation_}, protected_part{protected_};
    for (size_t looked = 0; looked < kLookMax; ++looked) {
      Look* const main = probation.goes_on() ? &probation : protected_part.goes_on() ? &protected_part : nullptr;
      Look* from = main;
      if (window.goes_on() && (main == nullptr || window_.bytes() > window_bytes_)) {
        const BlockKey candidate = window_.front().key;
        const bool is_first = probation_.empty() && protected_.empty();
        if (is_first || (main != nullptr && sketch_.Estimate(candidate) > sketch_.Estimate(main->queue.front().key))) {
          probation_.PushBack(window_.Remove(candidate));
          probation.held = 0;
          continue;
        }
        from = &window;  // the newcomer loses against the one it would replace
      }
      if (from == nullptr) break;
      const BlockKey victim = from->queue.front().key;
      if (evictable(victim)) return victim;
      from->queue.MoveToBack(victim);
      ++from->held;
    }
    return std::nullopt;
  }

  size_t size() const override { return window_.size() + probation_.size() + protected_.size(); }

  // The sketch stays as wide as it was.
  void SetCapacity(uint64_t bytes) final {
    window_bytes_ = bytes / 100;
    protected_bytes_ = (bytes - window_bytes_) / 5 * 4;
  }

 private:
  // At a queue, until all of it is held.
  struct Look {
    BlockQueue& queue;
    size_t held = 0;  // in a row
    bool goes_on() const { return held < queue.size(); }
  };

  uint64_t window_bytes_ = 0;
  uint64_t protected_bytes_ = 0;
  FrequencySketch sketch_;
  BlockQueue window_;
  BlockQueue probation_;
  BlockQueue protected_;
};

}  // namespace

std::unique_ptr<Policy> MakeWTinyLfu(uint64_t capacity_bytes) { return std::make_unique<WTinyLfu>(capacity_bytes); }

}  // namespace sluice::cache

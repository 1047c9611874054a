// S3-FIFO: a small queue for what is new, a main queue for what was read again, a ghost queue of names that remembers
// what left the small one. Yang et al., SOSP 2023; sizes (10 % small, counts to 3, as many ghosts as main has blocks)
// are the paper's.
#include "cache/block_queue.h"
#include "cache/policy.h"

namespace sluice::cache {
namespace {

constexpr uint8_t kFrequencyMax = 3;

class S3Fifo : public Policy {
 public:
  explicit S3Fifo(uint64_t capacity_bytes) : small_bytes_(capacity_bytes / 10) {}

  bool Admit(const BlockKey&, uint64_t, bool) override { return true; }

  void Insert(const BlockKey& key, uint64_t bytes) override {
    const bool seen_before = ghosts_.Remove(key).bytes > 0;
    (seen_before ? main_ : small_).PushBack({key, bytes});
  }

  void Touch(const BlockKey& key, uint64_t) override {
    QueuedBlock* block = small_.Find(key);
    if (block == nullptr) block = main_.Find(key);
    if (block != nullptr && block->frequency < kFrequencyMax) ++block->frequency;
  }

  void Erase(const BlockKey& key, bool evicted) override {
    main_.Remove(key);
    const QueuedBlock block = small_.Remove(key);
    if (!evicted || block.bytes == 0) return;
    ghosts_.PushBack(block);
    while (ghosts_.size() > main_.size() + small_.size()) ghosts_.Remove(ghosts_.front().key);
  }

  std::optional<BlockKey> Victim(const Evictable& evictable) override {
    // How many were held in a row: when all of a queue are, it is the other one's turn.
    size_t held_in_small = 0;
    size_t held_in_main = 0;
    for (size_t looked = 0; looked < kLookMax; ++looked) {
      const bool small_goes_on = held_in_small < small_.size();
      const bool main_goes_on = held_in_main < main_.size();
      if (!small_goes_on && !main_goes_on) break;
      const bool from_small = small_goes_on && (small_.bytes() > small_bytes_ || !main_goes_on);
      BlockQueue& queue = from_small ? small_ : main_;
      const QueuedBlock front = queue.front();
      if (front.frequency > 0) {
        Promote(queue, front, from_small);
        held_in_main = 0;
      } else if (evictable(front.key)) {
        return front.key;
      } else {
        queue.MoveToBack(front.key);
        ++(from_small ? held_in_small : held_in_main);
      }
    }
    return std::nullopt;
  }

  size_t size() const override { return small_.size() + main_.size(); }
  void SetCapacity(uint64_t bytes) override { small_bytes_ = bytes / 10; }

 private:
  // Read again since it came: from small to main, or to another round in main.
  void Promote(BlockQueue& queue, QueuedBlock block, bool from_small) {
    queue.Remove(block.key);
    block.frequency = from_small ? 0 : static_cast<uint8_t>(block.frequency - 1);
    main_.PushBack(block);
  }

  uint64_t small_bytes_;
  BlockQueue small_;
  BlockQueue main_;
  BlockQueue ghosts_;
};

}  // namespace

std::unique_ptr<Policy> MakeS3Fifo(uint64_t capacity_bytes) { return std::make_unique<S3Fifo>(capacity_bytes); }

}  // namespace sluice::cache

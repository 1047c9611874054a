#include "cache/policy.h"

#include "cache/block_queue.h"
#include "common/suggest.h"

namespace sluice::cache {
namespace {

class Lru : public Policy {
 public:
  bool Admit(const BlockKey&, uint64_t, bool) override { return true; }
  void Insert(const BlockKey& key, uint64_t bytes) override { queue_.PushBack({key, bytes}); }
  void Touch(const BlockKey& key, uint64_t) override { queue_.MoveToBack(key); }
  void Erase(const BlockKey& key, bool) override { queue_.Remove(key); }
  std::optional<BlockKey> Victim(const Evictable& evictable) override {
    size_t looked = 0;
    for (const QueuedBlock& block : queue_) {
      if (evictable(block.key)) return block.key;
      if (++looked == kLookMax) break;
    }
    return std::nullopt;
  }
  size_t size() const override { return queue_.size(); }
  void SetCapacity(uint64_t) override {}

 private:
  BlockQueue queue_;
};

}  // namespace

std::unique_ptr<Policy> MakeLru() { return std::make_unique<Lru>(); }

StatusOr<std::unique_ptr<Policy>> MakePolicy(std::string_view name, uint64_t capacity_bytes) {
  if (name == "s3-fifo") return MakeS3Fifo(capacity_bytes);
  if (name == "w-tinylfu") return MakeWTinyLfu(capacity_bytes);
  if (name == "lru") return MakeLru();
  return InvalidArgument("no eviction policy '{}'{}", name, DidYouMean(name, kPolicyNames));
}

}  // namespace sluice::cache

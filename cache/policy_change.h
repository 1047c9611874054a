// One policy in the place of another while a tier is in use: what is resident goes over little by little, the first to
// be evicted first, so that the new one begins with the old one's order. Until it has, the old one's blocks are the
// first to go.
//
// Threads, Limits, Invariants:  as cache/policy.h; a block is resident in one of both.
#pragma once

#include "cache/policy.h"

namespace sluice::cache {

class PolicyChange : public Policy {
 public:
  PolicyChange(std::unique_ptr<Policy> from, std::unique_ptr<Policy> to) : from_(std::move(from)), to_(std::move(to)) {}

  // Takes over up to `count` blocks. `bytes_of` says what one takes in the tier; 0: it is not there any more. False
  // when nothing is left to be taken over: then TakeNew.
  bool TakeOver(size_t count, const std::function<uint64_t(const BlockKey&)>& bytes_of);
  // The new policy, with all blocks. This one is empty then.
  std::unique_ptr<Policy> TakeNew() { return std::move(to_); }

  bool Admit(const BlockKey& key, uint64_t bytes, bool has_room) override { return to_->Admit(key, bytes, has_room); }
  void Insert(const BlockKey& key, uint64_t bytes) override { to_->Insert(key, bytes); }
  void Touch(const BlockKey& key, uint64_t bytes) override;
  void Erase(const BlockKey& key, bool evicted) override;
  std::optional<BlockKey> Victim(const Evictable& evictable) override;
  size_t size() const override { return from_->size() + to_->size(); }
  void SetCapacity(uint64_t bytes) override;
  bool Keeps() const override { return to_->Keeps(); }

 private:
  // Whether it had it.
  bool EraseFromOld(const BlockKey& key, bool evicted);

  const std::unique_ptr<Policy> from_;
  std::unique_ptr<Policy> to_;
};

}  // namespace sluice::cache

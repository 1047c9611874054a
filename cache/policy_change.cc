#include "cache/policy_change.h"

namespace sluice::cache {

bool PolicyChange::TakeOver(size_t count, const std::function<uint64_t(const BlockKey&)>& bytes_of) {
  for (; count > 0 && from_->size() > 0; --count) {
    const auto next = from_->Victim([](const BlockKey&) { return true; });
    if (!next) break;  // it passes over what was read often, and names it the next time
    from_->Erase(*next, /*evicted=*/false);
    if (const uint64_t bytes = bytes_of(*next); bytes > 0) to_->Insert(*next, bytes);
  }
  return from_->size() > 0;
}

bool PolicyChange::EraseFromOld(const BlockKey& key, bool evicted) {
  const size_t before = from_->size();
  from_->Erase(key, evicted);
  return from_->size() < before;
}

void PolicyChange::Touch(const BlockKey& key, uint64_t bytes) {
  if (EraseFromOld(key, /*evicted=*/false)) to_->Insert(key, bytes);
  to_->Touch(key, bytes);
}

void PolicyChange::Erase(const BlockKey& key, bool evicted) {
  if (!EraseFromOld(key, evicted)) to_->Erase(key, evicted);
}

std::optional<BlockKey> PolicyChange::Victim(const Evictable& evictable) {
  if (const auto victim = from_->Victim(evictable)) return victim;
  return to_->Victim(evictable);
}

void PolicyChange::SetCapacity(uint64_t bytes) {
  from_->SetCapacity(bytes);
  to_->SetCapacity(bytes);
}

}  // namespace sluice::cache

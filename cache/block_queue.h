// Blocks in order, found by key in constant time: what every policy is made of.
//
// Threads:  loop-confined.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <list>

#include "cache/key.h"

namespace sluice::cache {

struct QueuedBlock {
  BlockKey key;
  uint64_t bytes = 0;
  uint8_t frequency = 0;  // the policy's own count
};

class BlockQueue {
 public:
  using Iterator = std::list<QueuedBlock>::iterator;

  bool empty() const { return blocks_.empty(); }
  size_t size() const { return blocks_.size(); }
  uint64_t bytes() const { return bytes_; }
  bool Contains(const BlockKey& key) const { return by_key_.contains(key); }

  // Null when it is not here.
  QueuedBlock* Find(const BlockKey& key) {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &*found->second;
  }

  void PushBack(const QueuedBlock& block) {
    blocks_.push_back(block);
    by_key_[block.key] = std::prev(blocks_.end());
    bytes_ += block.bytes;
  }

  void MoveToBack(const BlockKey& key) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      blocks_.splice(blocks_.end(), blocks_, found->second);
    }
  }

  // The removed block; bytes is 0 when it was not here.
  QueuedBlock Remove(const BlockKey& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return {};
    const QueuedBlock block = *found->second;
    bytes_ -= block.bytes;
    blocks_.erase(found->second);
    by_key_.erase(found);
    return block;
  }

  const QueuedBlock& front() const { return blocks_.front(); }
  Iterator begin() { return blocks_.begin(); }
  Iterator end() { return blocks_.end(); }

 private:
  std::list<QueuedBlock> blocks_;
  absl::flat_hash_map<BlockKey, Iterator> by_key_;
  uint64_t bytes_ = 0;
};

}  // namespace sluice::cache

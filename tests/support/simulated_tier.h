// A tier without files: a policy, and the blocks that it let in.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "cache/policy.h"

namespace sluice::cache {

inline BlockKey Key(uint32_t number) {
  BlockKey key;
  key.object.bytes[0] = static_cast<uint8_t>(number);
  key.object.bytes[5] = static_cast<uint8_t>(number >> 8);
  key.block = number;
  return key;
}

class SimulatedTier {
 public:
  static constexpr uint64_t kBlock = 1 << 20;

  // `capacity` in blocks.
  SimulatedTier(std::unique_ptr<Policy> policy, size_t capacity) : capacity_(capacity), policy_(std::move(policy)) {}

  // True for a hit.
  bool Read(uint32_t number) {
    const BlockKey key = Key(number);
    if (resident_.contains(number)) {
      policy_->Touch(key, kBlock);
      return true;
    }
    if (!policy_->Admit(key, kBlock, resident_.size() < capacity_)) return false;
    while (resident_.size() >= capacity_) {
      const auto victim = policy_->Victim([](const BlockKey&) { return true; });
      if (!victim) {
        ++vain_looks_;
        return false;
      }
      policy_->Erase(*victim, true);
      ++evictions_;
      EXPECT_EQ(resident_.erase(victim->block), 1u) << "a victim that is not there";
    }
    policy_->Insert(key, kBlock);
    resident_.insert(number);
    EXPECT_EQ(policy_->size(), resident_.size());
    return false;
  }

  const std::set<uint32_t>& resident() const { return resident_; }
  size_t evictions() const { return evictions_; }
  size_t vain_looks() const { return vain_looks_; }
  Policy& policy() { return *policy_; }

 private:
  const size_t capacity_;
  std::unique_ptr<Policy> policy_;
  std::set<uint32_t> resident_;
  size_t evictions_ = 0;
  size_t vain_looks_ = 0;
};

}  // namespace sluice::cache

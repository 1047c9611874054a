// Which blocks a tier takes in and which it gives up: one interface, three algorithms.
//
// A policy is told of every block that enters, is read and leaves, and names victims. It does no I/O and knows no
// clock, so that bench and tests run it on recorded traces.
//
//   s3-fifo     Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023 (default)
//   w-tinylfu   Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM ToS 2017
//   lru         the least recently read block goes first
//
// Threads:     loop-confined.
// Limits:      about 120 bytes per resident block, 16 per ghost entry or 4 per sketch counter.
// Invariants:  a block is resident from Insert to Erase; Victim names resident blocks only and removes none.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "cache/key.h"
#include "common/status.h"

namespace sluice::cache {

class Policy {
 public:
  using Evictable = std::function<bool(const BlockKey&)>;

  virtual ~Policy() = default;

  // Whether a block that was just fetched is worth a place. Counts as a sighting.
  virtual bool Admit(const BlockKey& key) = 0;

  // REQUIRES: `key` is not resident. `bytes` is what it takes in the tier.
  virtual void Insert(const BlockKey& key, uint64_t bytes) = 0;

  // A resident block was read.
  virtual void Touch(const BlockKey& key) = 0;

  // It has left, evicted or dropped. `evicted`: it may be remembered as a ghost.
  virtual void Erase(const BlockKey& key, bool evicted) = 0;

  // The block to give up next, among those that `evictable` allows; nullopt when it allows none of those looked at
  // (at most kLookMax).
  virtual std::optional<BlockKey> Victim(const Evictable& evictable) = 0;

  virtual size_t size() const = 0;  // resident blocks

  static constexpr size_t kLookMax = 4096;
};

// `capacity_bytes` is the tier's quota. Error: INVALID_ARGUMENT for an unknown name.
StatusOr<std::unique_ptr<Policy>> MakePolicy(std::string_view name, uint64_t capacity_bytes);

inline constexpr std::string_view kPolicyNames[] = {"s3-fifo", "w-tinylfu", "lru"};

std::unique_ptr<Policy> MakeS3Fifo(uint64_t capacity_bytes);
std::unique_ptr<Policy> MakeWTinyLfu(uint64_t capacity_bytes);
std::unique_ptr<Policy> MakeLru();

}  // namespace sluice::cache

// Which blocks a tier takes in and which it gives up: one interface, three algorithms, and what helps all three where
// nothing does well that replaces.
//
// A policy is told of every block that enters, is read and leaves, and names victims. It does no I/O and knows no
// clock, so that bench and tests run it on recorded traces.
//
//   s3-fifo     Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023 (default)
//   w-tinylfu   Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM ToS 2017
//   lru         the least recently read block goes first
//
// MakeEpochAware puts one of them behind an EpochDetector (cache/epoch_detector.h). While a dataset larger than the
// tier is read once per epoch, in any order, every block that is let in pushes one out that would have been read
// sooner; then the policy *keeps*: what is in stays, what is not in does not enter, and the hit ratio is the share that
// is kept. Declared, it does so from the start.
//
// Threads:     loop-confined.
// Limits:      about 120 bytes per resident block, 16 per ghost entry or 4 per sketch counter;
//              epoch-aware at most 2 MiB more, and a ghost entry for every eighth resident block.
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

  // Whether a block that was just fetched is worth a place; `has_room`: none has to leave for it. Counts as a sighting.
  virtual bool Admit(const BlockKey& key, uint64_t bytes, bool has_room) = 0;

  // REQUIRES: `key` is not resident. `bytes` is what it takes in the tier.
  virtual void Insert(const BlockKey& key, uint64_t bytes) = 0;

  // A resident block was read.
  virtual void Touch(const BlockKey& key, uint64_t bytes) = 0;

  // It has left, evicted or dropped. `evicted`: it may be remembered as a ghost.
  virtual void Erase(const BlockKey& key, bool evicted) = 0;

  // The block to give up next, among those that `evictable` allows; nullopt when it allows none of those looked at
  // (at most kLookMax).
  virtual std::optional<BlockKey> Victim(const Evictable& evictable) = 0;

  virtual size_t size() const = 0;  // resident blocks

  // The tier's quota is another one from now on. What is beyond it leaves by Victim and Erase.
  virtual void SetCapacity(uint64_t bytes) = 0;

  // While it is true the tier evicts nothing ahead of need: the room would only be filled again.
  virtual bool Keeps() const { return false; }

  static constexpr size_t kLookMax = 4096;
};

// `capacity_bytes` is the tier's quota. Error: INVALID_ARGUMENT for an unknown name.
StatusOr<std::unique_ptr<Policy>> MakePolicy(std::string_view name, uint64_t capacity_bytes);

inline constexpr std::string_view kPolicyNames[] = {"s3-fifo", "w-tinylfu", "lru"};

std::unique_ptr<Policy> MakeS3Fifo(uint64_t capacity_bytes);
std::unique_ptr<Policy> MakeWTinyLfu(uint64_t capacity_bytes);
std::unique_ptr<Policy> MakeLru();

enum class Epochs : uint8_t {
  kRecognised,  // the policy finds out by itself
  kDeclared,    // somebody who knows says that blocks are read once per epoch
};
StatusOr<std::unique_ptr<Policy>> MakeEpochAware(std::string_view name, uint64_t capacity_bytes,
                                                 Epochs epochs = Epochs::kRecognised);

}  // namespace sluice::cache

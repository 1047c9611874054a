// Bytes against a quota, and the policy that says which blocks leave when there are too many: a tier, or the part of a
// tier that is one account's (cache/account.h).
//
// Threads:     used_bytes from any thread; the rest on the loop.
// Owns:        its policy. A part uses the tier that it is of, which outlives it.
// Limits:      the quota. Eviction begins above the high watermark and ends below the low one; beyond the quota nothing
// is
//              taken in. While the policy keeps, both are the quota.
// Invariants:  a part has no more than its tier, whatever its own limit says.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "cache/policy_change.h"

namespace sluice::cache {

// Shares of a quota.
struct Watermarks {
  double high = 0.95;
  double low = 0.90;
};

class Space {
 public:
  uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  uint64_t quota_bytes() const {
    return tier_ == nullptr ? limit_bytes_ : std::min(limit_bytes_, tier_->quota_bytes());
  }
  // False: a part that may have what its tier has.
  bool is_limited() const { return limit_bytes_ != kUnlimited; }
  uint64_t limit_bytes() const { return limit_bytes_; }
  bool HasRoom(uint64_t bytes) const { return !is_limited() || used_bytes() + bytes <= quota_bytes(); }
  // That stay for good when nothing else is in it.
  uint64_t lasting_bytes() const { return Share(HighWatermark()); }
  bool CouldHold(uint64_t bytes) const { return bytes <= lasting_bytes(); }
  bool AboveHigh() const { return is_limited() && used_bytes() > Share(HighWatermark()); }
  bool AboveLow() const { return is_limited() && used_bytes() > Share(LowWatermark()); }

  bool has_policy() const { return policy_ != nullptr; }
  Policy& policy() const { return *policy_; }  // REQUIRES: has_policy()

  // Its blocks go over to `next` with HandOver. REQUIRES: has_policy().
  void ChangePolicyTo(std::unique_ptr<Policy> next) {
    auto change = std::make_unique<PolicyChange>(std::move(policy_), std::move(next));
    change_ = change.get();
    policy_ = std::move(change);
  }
  // Hands `count` more blocks over; see PolicyChange::TakeOver. False when all are.
  bool HandOver(size_t count, const std::function<uint64_t(const BlockKey&)>& bytes_of) {
    if (change_ == nullptr) return false;
    if (change_->TakeOver(count, bytes_of)) return true;
    policy_ = change_->TakeNew();
    change_ = nullptr;
    return false;
  }

  bool evicting = false;      // blocks are on their way out
  bool shrinking = false;     // somebody waits until it is within its quota again
  bool handing_over = false;  // somebody calls HandOver until all is done

 protected:
  static constexpr uint64_t kUnlimited = UINT64_MAX;

  // A tier.
  Space(uint64_t quota_bytes, Watermarks watermarks, std::unique_ptr<Policy> policy)
      : limit_bytes_(quota_bytes), watermarks_(watermarks), policy_(std::move(policy)) {}
  // A part of one, without a limit.
  explicit Space(const Space& tier) : tier_(&tier), watermarks_(tier.watermarks_) {}
  Space& operator=(const Space&) = delete;

  void Add(int64_t bytes) { used_bytes_.fetch_add(static_cast<uint64_t>(bytes), std::memory_order_relaxed); }
  void SetQuota(uint64_t limit_bytes, Watermarks watermarks) {
    const uint64_t before = quota_bytes();
    limit_bytes_ = limit_bytes;
    watermarks_ = watermarks;
    if (has_policy() && quota_bytes() != before && quota_bytes() > 0) policy_->SetCapacity(quota_bytes());
  }
  Watermarks watermarks() const { return watermarks_; }
  void SetPolicy(std::unique_ptr<Policy> policy) { policy_ = std::move(policy); }

 private:
  uint64_t Share(double fraction) const { return static_cast<uint64_t>(static_cast<double>(quota_bytes()) * fraction); }
  // Evicting ahead of need costs nothing where a new block is worth more than the oldest, and hits where it is not.
  bool Keeps() const { return has_policy() && policy_->Keeps(); }
  double HighWatermark() const { return Keeps() ? 1 : watermarks_.high; }
  double LowWatermark() const { return Keeps() ? 1 : watermarks_.low; }

  const Space* const tier_ = nullptr;
  uint64_t limit_bytes_ = kUnlimited;
  Watermarks watermarks_;
  std::unique_ptr<Policy> policy_;
  PolicyChange* change_ = nullptr;  // what policy_ is until all blocks are handed over
  std::atomic<uint64_t> used_bytes_{0};
};

}  // namespace sluice::cache

// Whose the cached blocks are, and how much of each tier its owner may have.
//
// All objects of one dataset identity (ObjectVersion::dataset) are on one account: volumes of the same source share
// their cached objects, so they share what these take, too. Each volume that is mounted claims limits for the account,
// and the largest claim counts, medium by medium; when none is left the last ones stay in force. An account that is not
// limited costs its blocks a counter. One that is has a policy of its own in each limited tier, beside the tier's: what
// goes beyond its limit pushes out blocks of its own, and nobody else's; when the tier as a whole is full, the tier's
// policy chooses among all.
//
// Who was cached before the limit came is told to the account's policies piece by piece (Adopt).
//
// Threads:     identity, used_bytes of a part from any thread; the rest on the loop.
// Owns:        the policies of its parts.
// Limits:      12 bytes per object; limited, what a policy takes per block (cache/policy.h).
// Invariants:  I1 a part's used bytes are those of its objects' blocks in that tier, and of what is reserved for them.
//              I2 used bytes do not grow beyond a part's quota; where they are beyond it, since it was lowered, they
//                 only fall.
//              I3 a block is known to its part's policy exactly when the object says so (Object::known_to_account).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/object.h"
#include "cache/space.h"
#include "cache/tier.h"

namespace sluice::cache {

// What a volume may have of one medium; more than the tier has is as much as it has.
struct CacheLimit {
  uint64_t quota_bytes = UINT64_MAX;
  std::optional<double> high_watermark;  // none: the tier's
  std::optional<double> low_watermark;
  bool operator==(const CacheLimit&) const = default;
};

// By medium. One that is not there is not used by the volume.
struct CacheLimits {
  std::array<std::optional<CacheLimit>, kMedia> media;
  bool operator==(const CacheLimits&) const = default;
};

class Account {
 public:
  static constexpr size_t kAdoptedAtOnce = 1024;

  // What it has of one tier.
  class Part : public Space {
   public:
    explicit Part(const Tier& tier) : Space(tier), tier_(tier) {}
    // Whether the account's blocks may go to the tier at all.
    bool is_used() const { return limit_bytes() > 0; }
    // The limit in force; nullopt: what the tier has, shared with all.
    std::optional<CacheLimit> limit() const;
    // What its policy is made for.
    uint64_t policy_bytes() const;

   private:
    friend class Account;
    void SetLimit(const std::optional<CacheLimit>& limit);
    const Tier& tier_;
  };

  // The tiers outlive it; null where there is none of the medium.
  Account(std::string identity, const std::array<Tier*, kMedia>& tiers);
  ~Account();
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  const std::string& identity() const { return identity_; }
  // REQUIRES: there is a tier of the medium.
  Part& in(uint8_t medium) { return *parts_[medium]; }
  const Part& in(uint8_t medium) const { return *parts_[medium]; }
  // Some tier takes its blocks.
  bool is_cached() const;
  bool is_limited() const;
  // Of all its tiers, or of one, that stay for good; nullopt when there is no limit.
  std::optional<uint64_t> LastingBytes(std::optional<uint8_t> medium) const;

  // What a mounted volume is given; nullopt: what the tiers have. A second claim takes the place of the first.
  void Claim(const std::string& volume, std::optional<CacheLimits> limits);
  // A tier's quota or watermarks are others.
  void OnTierChanged() {
    if (!claims_.empty()) ApplyClaims();
  }
  // It is not mounted any more.
  void EndClaim(const std::string& volume);

  void Charge(uint8_t medium, int64_t bytes) { in(medium).Add(bytes); }
  // A block of one of its objects has come into its tier, was read there, is about to leave it.
  void Enter(Object& object, uint32_t block);
  void Touch(Object& object, uint32_t block);
  void Leave(Object& object, uint32_t block, bool evicted);

  // Tells the policies of some blocks that they do not know yet. False: they know all.
  bool Adopt();
  bool adopting = false;  // somebody calls Adopt until all is done

 private:
  void ApplyClaims();
  void AdoptBlock(Object& object, uint32_t block);
  void List(Object& object);
  void Unlist(Object& object);

  const std::string identity_;
  std::array<std::unique_ptr<Part>, kMedia> parts_;
  std::map<std::string, std::optional<CacheLimits>> claims_;  // by volume
  std::vector<Object*> objects_;                              // with cached blocks, each at its account_position
  size_t unadopted_ = 0;      // the first so many of them may have blocks that no policy knows
  uint32_t adopt_block_ = 0;  // of the last of these: the next to look at
};

}  // namespace sluice::cache

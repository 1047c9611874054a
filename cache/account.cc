#include "cache/account.h"

#include <algorithm>
#include <utility>

namespace sluice::cache {
namespace {

// Of a policy whose quota is nothing, or next to it.
constexpr uint64_t kPolicyBytesMin = 1 << 20;

}  // namespace

std::optional<CacheLimit> Account::Part::limit() const {
  if (!is_limited()) return std::nullopt;
  return CacheLimit{quota_bytes(), watermarks().high, watermarks().low};
}

void Account::Part::SetLimit(const std::optional<CacheLimit>& limit) {
  const Watermarks tiers{tier_.options().high_watermark, tier_.options().low_watermark};
  if (!limit) return SetQuota(kUnlimited, tiers);
  Watermarks own{limit->high_watermark.value_or(tiers.high), limit->low_watermark.value_or(tiers.low)};
  own.low = std::min(own.low, own.high);
  // At least the tier's: what is unlimited is only what nobody has limited.
  SetQuota(std::min(limit->quota_bytes, tier_.options().quota_bytes), own);
  if (!has_policy()) SetPolicy(tier_.MakePolicy(policy_bytes()));
}

uint64_t Account::Part::policy_bytes() const { return std::max(quota_bytes(), kPolicyBytesMin); }

Account::Account(std::string identity, const std::array<Tier*, kMedia>& tiers) : identity_(std::move(identity)) {
  for (size_t medium = 0; medium < kMedia; ++medium) {
    if (tiers[medium] != nullptr) parts_[medium] = std::make_unique<Part>(*tiers[medium]);
  }
}

Account::~Account() = default;

bool Account::is_cached() const {
  return std::ranges::any_of(parts_, [](const auto& part) { return part != nullptr && part->is_used(); });
}

bool Account::is_limited() const {
  return std::ranges::any_of(parts_, [](const auto& part) { return part != nullptr && part->is_limited(); });
}

std::optional<uint64_t> Account::LastingBytes(std::optional<uint8_t> medium) const {
  uint64_t bytes = 0;
  for (uint8_t i = 0; i < kMedia; ++i) {
    if (parts_[i] == nullptr || (medium && *medium != i)) continue;
    if (!parts_[i]->is_limited()) return std::nullopt;
    bytes += parts_[i]->lasting_bytes();
  }
  return bytes;
}

void Account::Claim(const std::string& volume, std::optional<CacheLimits> limits) {
  claims_[volume] = std::move(limits);
  ApplyClaims();
}

void Account::EndClaim(const std::string& volume) {
  claims_.erase(volume);
  if (!claims_.empty()) ApplyClaims();
}

void Account::ApplyClaims() {
  const bool shared = std::ranges::any_of(claims_, [](const auto& claim) { return !claim.second; });
  for (size_t medium = 0; medium < kMedia; ++medium) {
    if (parts_[medium] == nullptr) continue;
    CacheLimit largest{0, {}, {}};
    for (const auto& [volume, limits] : claims_) {
      const auto limit = limits ? limits->media[medium] : std::nullopt;
      if (limit && limit->quota_bytes > largest.quota_bytes) largest = *limit;
    }
    parts_[medium]->SetLimit(shared ? std::nullopt : std::optional(largest));
  }
  unadopted_ = is_limited() ? objects_.size() : 0;
  adopt_block_ = 0;
}

void Account::List(Object& object) {
  object.account_position = static_cast<uint32_t>(objects_.size());
  objects_.push_back(&object);
}

void Account::Unlist(Object& object) {
  const size_t position = object.account_position;
  object.account_position = Object::kUnlisted;
  objects_[position] = objects_.back();
  objects_.pop_back();
  if (position < objects_.size()) objects_[position]->account_position = static_cast<uint32_t>(position);
  // The last of the unadopted is another one now. Who was adopted before may be looked at again.
  if (position + 1 == unadopted_ || unadopted_ > objects_.size()) adopt_block_ = 0;
  unadopted_ = std::min(unadopted_, objects_.size());
}

void Account::Enter(Object& object, uint32_t block) {
  if (object.account_position == Object::kUnlisted) List(object);
  AdoptBlock(object, block);
}

void Account::AdoptBlock(Object& object, uint32_t block) {
  const auto medium = object.TierOf(block);
  if (!medium || object.known_to_account(block) || !in(*medium).has_policy()) return;
  in(*medium).policy().Insert({object.id, block}, Tier::Footprint(object.BlockLength(block)));
  object.known_to_account(block) = true;
}

void Account::Touch(Object& object, uint32_t block) {
  if (!object.known_to_account(block)) return;
  in(*object.TierOf(block)).policy().Touch({object.id, block}, Tier::Footprint(object.BlockLength(block)));
}

void Account::Leave(Object& object, uint32_t block, bool evicted) {
  if (std::exchange(object.known_to_account(block), false)) {
    in(*object.TierOf(block)).policy().Erase({object.id, block}, evicted);
  }
  if (object.cached_blocks() == 1) Unlist(object);
}

bool Account::Adopt() {
  for (size_t looked = 0; looked < kAdoptedAtOnce && unadopted_ > 0; ++looked) {
    Object& object = *objects_[unadopted_ - 1];
    AdoptBlock(object, adopt_block_);
    if (++adopt_block_ < object.block_count()) continue;
    --unadopted_;
    adopt_block_ = 0;
  }
  return unadopted_ > 0;
}

}  // namespace sluice::cache

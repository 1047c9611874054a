#include "daemon/volume_cache.h"

#include "common/bytes.h"

namespace sluice::daemon {
namespace {

// Whether it is a share of a quota, or not given.
bool IsShare(double value) { return value >= 0 && value <= 1; }

std::optional<double> Given(double share) { return share > 0 ? std::optional(share) : std::nullopt; }

// What is not as the volume's own limits say.
void ShowNotes(const cache::CacheLimits& wanted, const cache::Dataset& dataset, const cache::BlockStore& store,
               admin::v1::Mount* out) {
  for (uint8_t medium = 0; medium < cache::kMedia; ++medium) {
    const auto& limit = wanted.media[medium];
    const std::string_view name = cache::kMediumNames[medium];
    const cache::Tier* const tier = store.tier(medium);
    if (tier == nullptr) {
      if (limit) out->add_notes(fmt::format("{}: the pool has no such tier here; it is not used", name));
      continue;
    }
    const cache::Account::Part& part = dataset.account().in(medium);
    if (limit && limit->quota_bytes != UINT64_MAX && limit->quota_bytes > tier->quota_bytes()) {
      out->add_notes(fmt::format("{}: the tier has {} here, the volume's quota of {} is that much", name,
                                 FormatBytes(tier->quota_bytes()), FormatBytes(limit->quota_bytes)));
    }
    if (part.quota_bytes() > std::min(limit ? limit->quota_bytes : 0, tier->quota_bytes())) {
      out->add_notes(fmt::format("{}: another volume of the same source may have more, and both share it", name));
    }
    if (part.used_bytes() > part.quota_bytes()) {
      out->add_notes(fmt::format("{}: {} beyond the quota are pinned, in use, or about to leave", name,
                                 FormatBytes(part.used_bytes() - part.quota_bytes())));
    }
  }
}

}  // namespace

StatusOr<std::optional<cache::CacheLimits>> CacheLimitsOf(const broker::v1::VolumeSpec& spec) {
  std::optional<cache::CacheLimits> limits;
  if (!spec.has_cache()) return limits;
  limits.emplace();
  for (const auto& [name, limit] : spec.cache().media()) {
    ASSIGN_OR_RETURN(const cache::Medium medium, cache::ParseMedium(name));
    if (!IsShare(limit.high_watermark()) || !IsShare(limit.low_watermark())) {
      return InvalidArgument("{}: watermarks of {} and {} are no shares of a quota, from 0 to 1", name,
                             limit.high_watermark(), limit.low_watermark());
    }
    limits->media[static_cast<size_t>(medium)] = {limit.quota_bytes() == 0 ? UINT64_MAX : limit.quota_bytes(),
                                                  Given(limit.high_watermark()), Given(limit.low_watermark())};
  }
  return limits;
}

void ShowCache(const cache::Dataset& dataset, const cache::BlockStore& store, admin::v1::Mount* out) {
  const cache::Account& account = dataset.account();
  out->set_cached(account.is_cached());
  for (const auto& tier : store.tiers()) {
    const cache::Account::Part& part = account.in(tier->index());
    const std::string medium(tier->name());
    (*out->mutable_cached_bytes())[medium] = part.used_bytes();
    if (!part.is_limited()) continue;
    admin::v1::CacheLimit& limit = (*out->mutable_limits())[medium];
    limit.set_quota_bytes(part.quota_bytes());
    limit.set_high_watermark(*part.limit()->high_watermark);
    limit.set_low_watermark(*part.limit()->low_watermark);
  }
  if (!account.is_cached()) out->add_notes("no tier of this pool takes its data: every read goes to the source");
  if (dataset.cache_limits()) ShowNotes(*dataset.cache_limits(), dataset, store, out);
}

}  // namespace sluice::daemon

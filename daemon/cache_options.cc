#include "daemon/cache_options.h"

namespace sluice::daemon {
namespace {

StatusOr<cache::TierOptions> TierOptionsOf(const TierConfig& tier, const PoolConfig& config) {
  ASSIGN_OR_RETURN(const cache::Medium medium, cache::ParseMedium(tier.medium));
  return cache::TierOptions{.medium = medium,
                            .path = tier.path,
                            .quota_bytes = tier.quota_bytes,
                            .high_watermark = tier.high_watermark,
                            .low_watermark = tier.low_watermark,
                            .policy = config.policy,
                            .epochs = EpochsOf(config)};
}

}  // namespace

cache::Epochs EpochsOf(const PoolConfig& config) {
  return config.epochs == "declared" ? cache::Epochs::kDeclared : cache::Epochs::kRecognised;
}

ScrubOptions ScrubOptionsOf(const PoolConfig& config) { return {config.scrub_bytes_per_second, config.scrub_every}; }

cache::FetchLimits FetchLimitsOf(const PoolConfig& config) {
  return {.fill_memory_bytes = config.fill_memory_bytes,
          .fetches_max = config.fetches_max,
          .fetch_bytes_max = config.fetch_bytes_max,
          .read_ahead_max_bytes = config.read_ahead_bytes_max};
}

StatusOr<cache::CacheOptions> CacheOptionsOf(const PoolConfig& config, const std::string& pool_directory) {
  cache::CacheOptions options{FetchLimitsOf(config), {}};
  for (const TierConfig& tier : config.tiers) {
    ASSIGN_OR_RETURN(options.store.tiers.emplace_back(), TierOptionsOf(tier, config));
  }
  options.store.index_directory = pool_directory + "/index";
  options.store.open_files_max = config.open_files_max;
  return options;
}

Status CheckQuotas(const PoolConfig& config) {
  for (const TierConfig& tier : config.tiers) {
    ASSIGN_OR_RETURN(const cache::TierOptions options, TierOptionsOf(tier, config));
    const Status fits = cache::CheckQuota(options);
    if (fits.code() == StatusCode::kInvalidArgument) return fits;  // a path that is missing is no matter of quotas
  }
  return absl::OkStatus();
}

}  // namespace sluice::daemon

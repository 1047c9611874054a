#include "daemon/live_config.h"

#include <spdlog/spdlog.h>

#include "daemon/cache_options.h"
#include "io/call.h"

namespace sluice::daemon {

OverriddenConfig LiveConfig::Get() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

StatusOr<OverriddenConfig> LiveConfig::Set(const std::vector<std::string>& unset, const std::string& yaml,
                                           bool is_trial) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(OverriddenConfig next, config_.Changed(unset, yaml));
  if (is_trial) return next;
  RETURN_IF_ERROR(next.Save());
  RETURN_IF_ERROR(Apply(config_.in_force(), next.in_force()));
  config_ = std::move(next);
  spdlog::info("the configuration was changed; set beside the plugin's: {}",
               config_.overrides().empty() ? "nothing" : config_.overrides().ToYaml());
  for (const std::string& note : config_.notes()) spdlog::warn("{}", note);
  return config_;
}

std::vector<std::string> LiveConfig::Pending(const PoolConfig& config) const {
  std::vector<std::string> keys;
  if (config.io != started_.io) keys.emplace_back("io");
  if (config.source_deadline != started_.source_deadline) keys.emplace_back("source.deadline");
  return keys;
}

Status LiveConfig::Apply(const PoolConfig& from, const PoolConfig& to) {
  RETURN_IF_ERROR(io::RunOn(parts_.loop, [&] { return ApplyToCache(from, to); }));
  parts_.mounts.SetSessionLimits(to.session_threads, to.push_memory_bytes);
  spdlog::set_level(spdlog::level::from_str(to.log_level));
  return absl::OkStatus();
}

// On the loop.
Status LiveConfig::ApplyToCache(const PoolConfig& from, const PoolConfig& to) {
  cache::BlockStore& store = parts_.cache.store();
  for (size_t i = 0; i < to.tiers.size(); ++i) {
    const TierConfig& tier = to.tiers[i];
    if (tier == from.tiers[i]) continue;  // one whose disk was full makes do with less than its quota
    ASSIGN_OR_RETURN(const cache::Medium medium, cache::ParseMedium(tier.medium));
    store.ChangeQuota(*store.tier(static_cast<uint8_t>(medium)), tier.quota_bytes,
                      {tier.high_watermark, tier.low_watermark});
  }
  RETURN_IF_ERROR(store.ChangePolicy(to.policy, EpochsOf(to)));
  store.SetOpenFilesMax(to.open_files_max);
  parts_.cache.SetLimits(FetchLimitsOf(to));
  parts_.scrubber.SetOptions(ScrubOptionsOf(to));
  return absl::OkStatus();
}

}  // namespace sluice::daemon

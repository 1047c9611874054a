#include "csi/pools.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/suggest.h"

namespace sluice::csi {

StatusOr<std::unique_ptr<Pools>> Pools::Start(const PoolConfigs& configs, const PoolOptions& common) {
  auto pools = std::make_unique<Pools>();
  for (const auto& [name, config] : configs) {
    PoolOptions options = common;
    options.name = name;
    options.configs = configs;
    auto pool = Pool::Start(std::move(options));
    if (!pool.ok()) return Annotate(pool.status(), fmt::format("pool {}", name));
    pools->pools_[name] = *std::move(pool);
  }
  return pools;
}

StatusOr<Pool*> Pools::Find(const std::string& name) const {
  const auto found = pools_.find(name);
  if (found != pools_.end()) return found->second.get();
  std::vector<std::string_view> names;
  for (const auto& [known, pool] : pools_) names.push_back(known);
  return InvalidArgument("volume parameter 'pool': this node has no pool '{}'{}", name, DidYouMean(name, names));
}

Pool* Pools::Serving(const std::string& volume_id) const {
  for (const auto& [name, pool] : pools_) {
    if (pool->Has(volume_id)) return pool.get();
  }
  return nullptr;
}

Pool* Pools::Recording(const std::string& volume_id) const {
  for (const auto& [name, pool] : pools_) {
    if (pool->RecordOf(volume_id).has_value()) return pool.get();
  }
  return nullptr;
}

std::vector<Pool*> Pools::All() const {
  std::vector<Pool*> all;
  for (const auto& [name, pool] : pools_) all.push_back(pool.get());
  return all;
}

void Pools::ReleaseTree(const std::string& name) const {
  for (const auto& [pool_name, pool] : pools_) pool->ReleaseTree(name);
}

bool Pools::AllReady() const {
  return std::all_of(pools_.begin(), pools_.end(), [](const auto& entry) { return entry.second->ready(); });
}

void Pools::AwaitDaemons(Duration deadline) const {
  const Instant end = Clock::System().Now() + deadline;
  for (const auto& [name, pool] : pools_) {
    if (!pool->serves_any() || pool->Lives()) continue;
    spdlog::info("pool {}: its volumes have no daemon; this plugin waits for one", name);
    pool->WaitReady(std::max(end - Clock::System().Now(), Duration(0)));
  }
}

uint64_t Pools::capacity_bytes() const {
  uint64_t total = 0;
  for (const auto& [name, pool] : pools_) {
    uint64_t largest = 0;
    for (const TierConfig& tier : pool->config().tiers) largest = std::max(largest, tier.quota_bytes);
    total += largest;
  }
  return total;
}

}  // namespace sluice::csi

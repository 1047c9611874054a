// Tier and BlockStore: what changes while they are in use.
#include "cache/block_store.h"

namespace sluice::cache {

void Tier::ChangeQuota(uint64_t quota_bytes, Watermarks watermarks) {
  options_.quota_bytes = quota_bytes;
  options_.high_watermark = watermarks.high;
  options_.low_watermark = watermarks.low;
  SetQuota(quota_bytes, watermarks);
  quota_gauge_.Set(static_cast<int64_t>(quota_bytes));
}

StatusOr<bool> Tier::ChangePolicy(const std::string& name, Epochs epochs) {
  if (name == options_.policy && epochs == options_.epochs) return false;
  ASSIGN_OR_RETURN(std::unique_ptr<Policy> next, MakeEpochAware(name, quota_bytes(), epochs));
  ChangePolicyTo(std::move(next));
  options_.policy = name;
  options_.epochs = epochs;
  return true;
}

void BlockStore::ChangeQuota(Tier& tier, uint64_t quota_bytes, Watermarks watermarks) {
  tier.ChangeQuota(quota_bytes, watermarks);
  EvictIfAbove(tier, nullptr);
  for (const Owner& owner : Owners()) {
    owner->OnTierChanged();
    BeginAdopting(owner);
    EvictIfAbove(tier, owner);
  }
  room_.Notify();
}

Status BlockStore::ChangePolicy(const std::string& name, Epochs epochs) {
  for (const auto& tier : tiers_) {
    ASSIGN_OR_RETURN(const bool changed, tier->ChangePolicy(name, epochs));
    if (!changed) continue;
    BeginHandingOver(*tier, nullptr);
    for (const Owner& owner : Owners()) {
      Account::Part& part = owner->in(tier->index());
      if (!part.has_policy()) continue;
      part.ChangePolicyTo(tier->MakePolicy(part.policy_bytes()));
      BeginHandingOver(*tier, owner);
    }
  }
  return absl::OkStatus();
}

void BlockStore::BeginHandingOver(Tier& tier, const Owner& owner) {
  if (!SpaceOf(tier, owner).handing_over) io::Spawn(HandOver(tier, owner));
}

io::Task<void> BlockStore::HandOver(Tier& tier, Owner owner) {
  constexpr size_t kBlocksATurn = 512;  // some 0.2 ms
  const io::Gate::Holder holder = gate_.Enter();
  Space& space = SpaceOf(tier, owner);
  space.handing_over = true;
  const auto bytes_of = [this](const BlockKey& key) {
    const auto object = Find(key.object);
    return object == nullptr ? 0 : Tier::Footprint(object->BlockLength(key.block));
  };
  // SUSPENDS: another change may begin meanwhile; it is handed over here, too.
  while (space.HandOver(kBlocksATurn, bytes_of) && !gate_.closed()) co_await loop_.Sleep(Duration(1));
  space.handing_over = false;
}

void BlockStore::SetOpenFilesMax(uint64_t open_files_max) {
  open_files_max_ = open_files_max;
  if (open_files_ > open_files_max_) io::Spawn(CloseBeyondLimit());
}

// Until those that are left are in use.
io::Task<void> BlockStore::CloseBeyondLimit() {
  const io::Gate::Holder holder = gate_.Enter();
  for (uint64_t before = 0; open_files_ > open_files_max_ && open_files_ != before && !gate_.closed();) {
    before = open_files_;
    co_await CloseIdleFiles();
  }
}

}  // namespace sluice::cache

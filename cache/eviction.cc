// BlockStore: room in the tiers, and blocks on their way out.
#include <unistd.h>

#include "cache/block_store.h"

namespace sluice::cache {

// The wanted tier; else the one that has blocks of the object already, so that it stays whole; else the fastest one
// that the object does not swamp.
Tier* BlockStore::TierFor(const Object& object, std::optional<uint8_t> wanted) {
  if (wanted && tier(*wanted) != nullptr && tier(*wanted)->in_service()) return tier(*wanted);
  Tier* last = nullptr;
  for (const auto& candidate : tiers_) {
    if (candidate->in_service() && object.blocks_in(candidate->index()) > 0) return candidate.get();
  }
  for (const auto& candidate : tiers_) {
    if (!candidate->in_service()) continue;
    last = candidate.get();
    if (object.size() <= last->options().quota_bytes / kObjectsPerTierMin) return last;
  }
  return last;
}

bool BlockStore::MayLeave(Object& object) const { return eviction_allowed_ && object.LetGo(); }

io::Task<bool> BlockStore::Reserve(Tier& tier, uint64_t bytes) {
  while (!tier.HasRoom(bytes)) {
    if (evicting_[tier.index()]) {
      co_await room_.Wait();
    } else if (!co_await EvictDown(tier, bytes)) {
      co_return false;  // nothing may go
    }
  }
  tier.Charge(static_cast<int64_t>(bytes));
  EvictIfAbove(tier);
  co_return true;
}

// True when something was evicted.
io::Task<bool> BlockStore::EvictDown(Tier& tier, uint64_t bytes) {
  const io::Gate::Holder holder = gate_.Enter();
  bool any = false;
  evicting_[tier.index()] = true;
  while ((tier.AboveLow() || !tier.HasRoom(bytes)) && !gate_.closed()) {
    if (!co_await EvictOne(tier)) break;
    any = true;
    room_.Notify();
  }
  evicting_[tier.index()] = false;
  room_.Notify();
  co_return any;
}

void BlockStore::SetEvictionAllowed(bool allowed) {
  eviction_allowed_ = allowed;
  if (!allowed) return;
  for (const auto& tier : tiers_) EvictIfAbove(*tier);
}

void BlockStore::EvictIfAbove(Tier& tier) {
  if (tier.AboveHigh() && !evicting_[tier.index()]) io::Spawn(EvictInBackground(tier));
}

io::Task<void> BlockStore::EvictInBackground(Tier& tier) {
  constexpr Duration kRetry = std::chrono::milliseconds(100);
  const io::Gate::Holder holder = gate_.Enter();
  co_await EvictDown(tier, 0);
  // A quota that was lowered below what is held now: readers let go of it later.
  if (std::exchange(shrinking_[tier.index()], true)) co_return;
  while (tier.used_bytes() > tier.quota_bytes() && tier.in_service() && !gate_.closed()) {
    co_await loop_.Sleep(kRetry);
    if (!evicting_[tier.index()] && !gate_.closed()) co_await EvictDown(tier, 0);
  }
  shrinking_[tier.index()] = false;
}

io::Task<bool> BlockStore::EvictOne(Tier& tier) {
  const auto victim = tier.policy().Victim([this](const BlockKey& key) {
    const auto object = Find(key.object);
    return object != nullptr && !object->pinned && MayLeave(*object);
  });
  if (!victim) co_return false;
  const std::shared_ptr<Object> object = Find(victim->object);
  tier.evictions.Add();
  if (const Tier* below = Below(tier); below != nullptr) {
    if (object->seal(tier.index()).is_set) {
      co_await MoveAll(object, below->index(), Admission::kPolicy);
    } else if (co_await Move(object, victim->block, below->index(), Admission::kPolicy)) {
      co_return true;
    }
  }
  // SUSPENDED: opened meanwhile, it stays after all.
  if (object->TierOf(victim->block) == tier.index() && MayLeave(*object))
    co_await Drop(object, victim->block, /*evicted=*/true);
  co_return true;
}

uint8_t BlockStore::Disown(Object& object, uint32_t block, bool evicted) {
  const uint8_t medium = *object.TierOf(block);
  by_medium_[medium]->policy().Erase({object.id, block}, evicted);
  object.ClearBlock(block);
  Record(object, block);
  return medium;
}

io::Task<void> BlockStore::Drop(std::shared_ptr<Object> object, uint32_t block, bool evicted) {
  const auto medium = object->TierOf(block);
  if (!medium) co_return;
  if (object->seal(*medium).is_set) {
    co_await Shed(object, *by_medium_[*medium], evicted);
  } else {
    Disown(*object, block, evicted);
    co_await FreeSpace(object, block, *medium);
  }
}

// REQUIRES: the block's state no longer names the tier. Until it is done nothing writes the block anew (WriteTo waits),
// and what was being written has ended, or the hole could be punched into the new bytes.
io::Task<void> BlockStore::FreeSpace(std::shared_ptr<Object> object, uint32_t block, uint8_t medium) {
  if (Object::Seal& seal = object->seal(medium); seal.is_set) {
    seal.dead_bytes += Tier::Footprint(object->BlockLength(block));
    if (object->blocks_in(medium) == 0) co_await Shed(object, *by_medium_[medium], /*evicted=*/false);
    co_return;
  }
  object->freeing.Begin(block);
  co_await object->Quiesce(loop_);
  while (object->writing.contains(block)) co_await room_.Wait();
  // Only a bad block leaves a held object: it is fetched again, and written over the bad bytes.
  if (!object->held()) co_await MakeHole(object, block, medium);
  object->freeing.End(block);
  by_medium_[medium]->Charge(-static_cast<int64_t>(Tier::Footprint(object->BlockLength(block))));
  room_.Notify();
  Discard(object);
}

// What was written, or begun to be, is not to stay: neither its bytes nor what is reserved for them.
io::Task<void> BlockStore::TakeBack(std::shared_ptr<Object> object, uint32_t block, Tier& tier) {
  // Another one may have written the same bytes to the same place.
  if (object->TierOf(block) != tier.index()) {
    object->freeing.Begin(block);
    while (object->writing.contains(block)) co_await room_.Wait();
    co_await MakeHole(object, block, tier.index());  // held, too: holders use files that have all blocks
    object->freeing.End(block);
  }
  tier.Charge(-static_cast<int64_t>(Tier::Footprint(object->BlockLength(block))));
  room_.Notify();
}

io::Task<void> BlockStore::MakeHole(std::shared_ptr<Object> object, uint32_t block, uint8_t medium) {
  if (object->blocks_in(medium) == 0 && object->fills.empty() && object->file_uses() == 0) {
    co_await UnlinkFile(object, *by_medium_[medium]);
  } else if (!object->read_by_kernel) {
    Object::FileUse use(*object);
    const auto fd = co_await OpenFile(object, medium, /*create=*/false);
    if (object->seal(medium).is_set) {  // as it turned out
      use.End();
      co_return co_await Shed(object, *by_medium_[medium], /*evicted=*/false);
    }
    Object::Change change(*object, medium);
    const uint64_t footprint = Tier::Footprint(object->BlockLength(block));
    if (fd.ok() && (co_await io_.Punch(*fd, uint64_t{block} * object->block_size(), footprint)).ok())
      change.Done(cache::ModifiedNs(*fd));
  }
}

// Unlinked here and not through the ring: nothing opens the file between the check and the unlinking, and
// whoever needs it afterwards makes a new one.
io::Task<void> BlockStore::UnlinkFile(std::shared_ptr<Object> object, Tier& tier) {
  if (Find(object->id) != object) co_return;  // forgotten, and the name may be another's by now
  ::unlinkat(tier.directory_fd(), Tier::FileName(object->id).c_str(), 0);
  Object::Change(*object, tier.index()).Done(Object::kNeverLeft);
  co_await CloseFile(object, tier.index());
}

Tier* BlockStore::Below(const Tier& tier) const {
  for (const auto& candidate : tiers_) {
    if (candidate->index() > tier.index() && candidate->in_service()) return candidate.get();
  }
  return nullptr;
}

io::Task<uint64_t> BlockStore::Evict(std::shared_ptr<Object> object) {
  const auto used_bytes = [&object] {
    uint64_t bytes = 0;
    for (uint32_t block = 0; block < object->block_count(); ++block) {
      if (object->TierOf(block)) bytes += Tier::Footprint(object->BlockLength(block));
    }
    return bytes;
  };
  const uint64_t before = used_bytes();
  for (uint32_t block = 0; block < object->block_count() && MayLeave(*object); ++block) {
    co_await Drop(object, block, /*evicted=*/true);
  }
  co_return before - std::min(before, used_bytes());
}

io::Task<void> BlockStore::DropAll(std::shared_ptr<Object> object) {
  const io::Gate::Holder holder = gate_.Enter();
  for (uint32_t block = 0; block < object->block_count(); ++block) co_await Drop(object, block, /*evicted=*/false);
}

}  // namespace sluice::cache

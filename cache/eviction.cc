// BlockStore: room in the tiers, and blocks on their way out.
#include <unistd.h>

#include <algorithm>

#include "cache/block_store.h"

namespace sluice::cache {

bool BlockStore::IsOpen(const Tier& tier, const Object& object) {
  return tier.in_service() && object.account->in(tier.index()).is_used();
}

bool BlockStore::Swamps(const Object& object, const Tier& tier) {
  const uint64_t limit_bytes = object.account->in(tier.index()).limit_bytes();
  return object.size() > std::min(limit_bytes, tier.options().quota_bytes) / kObjectsPerTierMin;
}

// The wanted tier; else the one that has blocks of the object already, so that it stays whole; else the fastest one
// that the object does not swamp.
Tier* BlockStore::TierFor(const Object& object, std::optional<uint8_t> wanted) {
  if (wanted && tier(*wanted) != nullptr && IsOpen(*tier(*wanted), object)) return tier(*wanted);
  Tier* last = nullptr;
  for (const auto& candidate : tiers_) {
    if (IsOpen(*candidate, object) && object.blocks_in(candidate->index()) > 0) return candidate.get();
  }
  for (const auto& candidate : tiers_) {
    if (!IsOpen(*candidate, object)) continue;
    last = candidate.get();
    if (!Swamps(object, *last)) return last;
  }
  return last;
}

bool BlockStore::MayLeave(Object& object) const { return eviction_allowed_ && object.LetGo(); }

// Whether the policies want the block. Where the account has no room, the tier needs none more: one of the account's
// own blocks gives way.
bool BlockStore::Admit(const Object& object, uint32_t block, Tier& tier) {
  const BlockKey key{object.id, block};
  const uint64_t bytes = Tier::Footprint(object.BlockLength(block));
  const Account::Part& part = object.account->in(tier.index());
  const bool has_room = part.HasRoom(bytes);
  const bool admitted = tier.Admit(key, bytes, tier.HasRoom(bytes) || !has_room);
  if (!part.is_limited() || part.policy().Admit(key, bytes, has_room)) return admitted;
  if (admitted) tier.refused_blocks.Add();
  return false;
}

void BlockStore::Charge(const Object& object, Tier& tier, int64_t bytes) {
  tier.Charge(bytes);
  object.account->Charge(tier.index(), bytes);
}

io::Task<bool> BlockStore::Reserve(std::shared_ptr<Object> object, Tier& tier, uint64_t bytes) {
  const Account::Part& part = object->account->in(tier.index());
  for (;;) {
    if (bytes > part.quota_bytes()) co_return false;
    const bool fits = part.HasRoom(bytes);
    if (fits && tier.HasRoom(bytes)) break;
    const Owner owner = fits ? nullptr : object->account;
    if (SpaceOf(tier, owner).evicting) {
      co_await room_.Wait();
    } else if (!co_await EvictDown(tier, owner, bytes)) {
      co_return false;  // nothing may go
    }
  }
  Charge(*object, tier, static_cast<int64_t>(bytes));
  EvictIfAbove(tier, nullptr);
  EvictIfAbove(tier, object->account);
  co_return true;
}

Space& BlockStore::SpaceOf(Tier& tier, const Owner& owner) {
  return owner == nullptr ? static_cast<Space&>(tier) : owner->in(tier.index());
}

io::Task<bool> BlockStore::EvictDown(Tier& tier, Owner owner, uint64_t bytes) {
  const io::Gate::Holder holder = gate_.Enter();
  Space& space = SpaceOf(tier, owner);
  bool any = false;
  space.evicting = true;
  while ((space.AboveLow() || !space.HasRoom(bytes)) && !gate_.closed()) {
    if (!co_await EvictOne(tier, owner)) break;
    any = true;
    room_.Notify();
  }
  space.evicting = false;
  room_.Notify();
  co_return any;
}

void BlockStore::SetEvictionAllowed(bool allowed) {
  eviction_allowed_ = allowed;
  if (!allowed) return;
  for (const auto& tier : tiers_) EvictIfAbove(*tier, nullptr);
  for (const Owner& owner : Owners()) EvictIfAbove(owner);
}

std::vector<BlockStore::Owner> BlockStore::Owners() const {
  const std::lock_guard lock(mutex_);
  std::vector<Owner> owners;
  for (const auto& [dataset, account] : accounts_) owners.push_back(account);
  return owners;
}

void BlockStore::EvictIfAbove(Tier& tier, const Owner& owner) {
  const Space& space = SpaceOf(tier, owner);
  if (space.AboveHigh() && !space.evicting) io::Spawn(EvictInBackground(tier, owner));
}

void BlockStore::EvictIfAbove(const Owner& owner) {
  for (const auto& tier : tiers_) EvictIfAbove(*tier, owner);
}

io::Task<void> BlockStore::EvictInBackground(Tier& tier, Owner owner) {
  constexpr Duration kRetry = std::chrono::milliseconds(100);
  constexpr uint32_t kPauseMax = 64;
  const io::Gate::Holder holder = gate_.Enter();
  Space& space = SpaceOf(tier, owner);
  co_await EvictDown(tier, owner, 0);
  // A quota that was lowered below what is held now: readers let go of it later.
  if (std::exchange(space.shrinking, true)) co_return;
  uint32_t pause = 1;  // turns from one try to the next: longer while nothing may go
  for (uint32_t turn = 1; space.used_bytes() > space.quota_bytes() && tier.in_service() && !gate_.closed(); ++turn) {
    co_await loop_.Sleep(kRetry);
    if (turn % pause != 0 || space.evicting || gate_.closed()) continue;
    pause = co_await EvictDown(tier, owner, 0) ? 1 : std::min(2 * pause, kPauseMax);
  }
  space.shrinking = false;
}

std::optional<BlockKey> BlockStore::Victim(Space& space) {
  return space.policy().Victim([this](const BlockKey& key) {
    const auto object = Find(key.object);
    return object != nullptr && !object->pinned && MayLeave(*object);
  });
}

io::Task<bool> BlockStore::EvictOne(Tier& tier, Owner owner) {
  Space& space = SpaceOf(tier, owner);
  if (!space.has_policy()) co_return false;
  auto victim = Victim(space);
  // Nothing may leave of what its policy knows so far.
  while (!victim && owner != nullptr && owner->Adopt()) {
    co_await loop_.Sleep(Duration(1));  // others' turn
    victim = Victim(space);
  }
  if (!victim) co_return false;
  const std::shared_ptr<Object> object = Find(victim->object);
  tier.evictions.Add();
  if (const Tier* below = Below(tier, *object); below != nullptr) {
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

void BlockStore::Enter(Object& object, uint32_t block) {
  by_medium_[*object.TierOf(block)]->policy().Insert({object.id, block}, Tier::Footprint(object.BlockLength(block)));
  object.account->Enter(object, block);
}

void BlockStore::Leave(Object& object, uint32_t block, bool evicted) {
  by_medium_[*object.TierOf(block)]->policy().Erase({object.id, block}, evicted);
  object.account->Leave(object, block, evicted);
}

void BlockStore::TouchBlock(Object& object, uint32_t block) {
  by_medium_[*object.TierOf(block)]->policy().Touch({object.id, block}, Tier::Footprint(object.BlockLength(block)));
  object.account->Touch(object, block);
}

uint8_t BlockStore::Disown(Object& object, uint32_t block, bool evicted) {
  const uint8_t medium = *object.TierOf(block);
  Leave(object, block, evicted);
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
  Charge(*object, *by_medium_[medium], -static_cast<int64_t>(Tier::Footprint(object->BlockLength(block))));
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
  Charge(*object, tier, -static_cast<int64_t>(Tier::Footprint(object->BlockLength(block))));
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

Tier* BlockStore::Below(const Tier& tier, const Object& object) const {
  for (const auto& candidate : tiers_) {
    if (candidate->index() > tier.index() && IsOpen(*candidate, object)) return candidate.get();
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

// BlockStore: blocks on their way from one tier to another: down, up, and to where the rest of their object is.
#include "cache/block_store.h"
#include "common/bytes.h"

namespace sluice::cache {

io::Task<bool> BlockStore::Move(std::shared_ptr<Object> object, uint32_t block, uint8_t to, Admission admission) {
  // Not forgotten while there is a file of it to be made, or to be taken back.
  object->opens().fetch_add(1);
  const bool moved = co_await MoveBlock(object, block, to, admission);
  Release(object);
  co_return moved;
}

io::Task<bool> BlockStore::MoveBlock(std::shared_ptr<Object> object, uint32_t block, uint8_t to, Admission admission) {
  const auto from = object->TierOf(block);
  if (!from || *from == to || !MayLeave(*object) || !IsOpen(*by_medium_[to], *object)) co_return false;
  const AlignedBuffer buffer(object->BlockLength(block));
  if (!co_await ReadBlock(object, block, 0, buffer.span())) co_return false;
  Tier& target = *by_medium_[to];
  if (!Admit(*object, block, target) && admission == Admission::kPolicy) co_return false;
  if (!co_await Reserve(object, target, Tier::Footprint(object->BlockLength(block)))) co_return false;
  const Status status = co_await WriteTo(object, block, buffer.span(), target);
  // SUSPENDED: dropped, moved or opened meanwhile.
  if (!status.ok() || object->TierOf(block) != *from || object->freeing.contains(block) || !MayLeave(*object)) {
    co_await TakeBack(object, block, target);
    target.ReportFailure(status);
    co_return false;
  }
  Leave(*object, block, /*evicted=*/true);
  object->SetPresent(block, to, /*verified=*/true);
  Enter(*object, block);
  target.moves_in.Add();
  Record(*object, block);
  co_await FreeSpace(object, block, *from);
  co_return true;
}

void BlockStore::Touch(const std::shared_ptr<Object>& object, uint32_t block) {
  const auto tier = object->TierOf(block);
  if (!tier) return;
  TouchBlock(*object, block);
  uint8_t& hits = object->hits(block);
  if (hits < UINT8_MAX) ++hits;
  if (hits != kPromotionHits || gate_.closed() || moves_.used() == moves_.capacity()) return;
  for (const auto& above : tiers_) {
    if (above->index() >= *tier) return;
    if (!IsOpen(*above, *object) || Swamps(*object, *above)) continue;
    // What is whole stays whole: it moves as one.
    if (object->WholeIn()) return (void)io::Spawn(Gather(object, above->index(), Admission::kPolicy));
    return (void)io::Spawn(Promote(object, block, above->index()));
  }
}

void BlockStore::TouchAll(const std::shared_ptr<Object>& object) {
  accesses_.OnRead(*object, {0, object->size()});
  for (uint32_t block = object->block_count(); block > 0; --block) {
    const auto tier = object->TierOf(block - 1);
    if (!tier || block == 1) continue;
    TouchBlock(*object, block - 1);
  }
  if (object->block_count() > 0) Touch(object, 0);  // and count it towards a place in a faster tier
}

io::Task<void> BlockStore::Settle(std::shared_ptr<Object> object) {
  if (object->cached_blocks() < object->block_count()) co_return;
  uint8_t most = 0;
  for (uint8_t medium = 1; medium < kMedia; ++medium) {
    if (object->blocks_in(medium) > object->blocks_in(most)) most = medium;
  }
  if (!object->WholeIn()) co_await Gather(object, most, Admission::kPolicy);
  co_await Seal(object);
}

io::Task<void> BlockStore::Gather(std::shared_ptr<Object> object, uint8_t to, Admission admission) {
  if (object->gathering) co_return;
  const io::Gate::Holder holder = gate_.Enter();
  object->gathering = true;
  co_await moves_.Acquire(1, io::Urgency::kPrewarm);
  co_await MoveAll(object, to, admission);
  moves_.Release(1);
  object->gathering = false;
}

// As far as it goes.
io::Task<void> BlockStore::MoveAll(std::shared_ptr<Object> object, uint8_t to, Admission admission) {
  bool good = true;
  for (uint32_t block = 0; block < object->block_count() && good && !gate_.closed(); ++block) {
    const auto tier = object->TierOf(block);
    if (!tier) break;
    if (*tier != to) {
      good = co_await Move(object, block, to, admission);
    } else if (!object->IsVerified(block)) {
      std::byte first;  // its checksum covers the block
      good = co_await ReadBlock(object, block, 0, {&first, 1});
    }
  }
}

io::Task<void> BlockStore::Promote(std::shared_ptr<Object> object, uint32_t block, uint8_t to) {
  const io::Gate::Holder holder = gate_.Enter();
  co_await moves_.Acquire(1, io::Urgency::kForeground);
  co_await Move(object, block, to, Admission::kPolicy);
  moves_.Release(1);
}

}  // namespace sluice::cache

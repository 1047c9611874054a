// BlockStore: whole files are sealed, where a tier's file system can do it (io/sealer.h).
//
// A sealed file can neither be written to nor get holes, and its blocks leave it together: the file is unlinked. But
// when they move to another tier they go one by one, and each is readable all the time: what has left takes its space
// (dead bytes) until the last one is gone.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "cache/block_store.h"

namespace sluice::cache {

bool BlockStore::IsSettled(const Object& object) const {
  const auto medium = object.WholeIn();
  return medium && (!by_medium_[*medium]->seals() || object.seal(*medium).is_set);
}

io::Task<void> BlockStore::Seal(std::shared_ptr<Object> object) {
  const io::Gate::Holder holder = gate_.Enter();
  const auto medium = object->WholeIn();
  if (!medium || IsSettled(*object) || !by_medium_[*medium]->in_service() || gate_.closed()) co_return;
  Object::Seal& seal = object->seal(*medium);
  // Somebody may be about to open it for writing. Who opens the object next tries again.
  if (seal.is_changing || object->file_uses() > 0) co_return;
  const Stay stay(*object);
  seal.is_changing = true;
  co_await CloseFile(object, *medium);  // which can write
  auto file = co_await OpenReadOnly(object, *medium);
  Status status = file.status();
  if (file.ok()) {
    status = co_await sealer_->Seal(file->get());
    co_await io_.Close(*std::move(file));
  }
  seal.is_set = status.ok();
  seal.is_changing = false;
  if (!status.ok()) {
    spdlog::warn("{} cannot be sealed now: {}", object->version.path, Message(status));
    co_await CloseFile(object, *medium);  // which was opened for reading only
  } else if (object->WholeIn() != medium) {
    co_await Shed(object, *by_medium_[*medium], /*evicted=*/false);  // SUSPENDED: a block was found to be bad
  }
  room_.Notify();
}

// The file of an object that cannot be opened for writing: a sealed one.
io::Task<StatusOr<UniqueFd>> BlockStore::OpenSealed(std::shared_ptr<Object> object, uint8_t tier) {
  CO_ASSIGN_OR_RETURN(UniqueFd file, co_await OpenReadOnly(object, tier));
  if (!object->seal(tier).is_set) co_return PermissionDenied("it is not sealed");
  co_return file;
}

// Until the block may be written to the tier. False: it is there already, in a file that nobody can write to.
io::Task<bool> BlockStore::AwaitWritable(std::shared_ptr<Object> object, uint32_t block, Tier& tier) {
  for (const Object::Seal& seal = object->seal(tier.index());;) {
    if (object->freeing.contains(block) || seal.is_changing) {
      co_await room_.Wait();
    } else if (!seal.is_set) {
      co_return true;
    } else if (object->TierOf(block) == tier.index()) {
      co_return false;
    } else {
      co_await Shed(object, tier, /*evicted=*/false);
    }
  }
}

// All blocks leave a sealed file, and it goes. Who holds it keeps what it had: the next file is another one.
io::Task<void> BlockStore::Shed(std::shared_ptr<Object> object, Tier& tier, bool evicted) {
  const io::Gate::Holder holder = gate_.Enter();
  const uint8_t medium = tier.index();
  Object::Seal& seal = object->seal(medium);
  object->Lose();
  uint64_t bytes = std::exchange(seal.dead_bytes, 0);
  for (uint32_t block = 0; block < object->block_count(); ++block) {
    if (object->TierOf(block) != medium) continue;
    bytes += Tier::Footprint(object->BlockLength(block));
    Disown(*object, block, evicted);
  }
  // Through no ring, as in UnlinkFile; nothing is written to the next file before nobody can take it for this one.
  ::unlinkat(tier.directory_fd(), Tier::FileName(object->id).c_str(), 0);
  seal.is_set = false;
  seal.is_changing = true;
  co_await CloseFile(object, medium);
  co_await object->Quiesce(loop_);
  Object::Change(*object, medium).Done(Object::kNeverLeft);
  seal.is_changing = false;
  co_await CloseFile(object, medium);  // SUSPENDED: opened by a read that had begun before
  Charge(*object, tier, -static_cast<int64_t>(bytes));
  room_.Notify();
  Discard(object);
}

}  // namespace sluice::cache

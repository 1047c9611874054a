// BlockStore: that a tier still has the bytes that were written there.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <xxhash.h>

#include <cstring>

#include "cache/block_store.h"
#include "common/bytes.h"

namespace sluice::cache {

int64_t BlockStore::ModifiedNs(const Object& object, uint8_t tier) const {
  return cache::ModifiedNs(by_medium_[tier]->directory_fd(), Tier::FileName(object.id).c_str());
}

void BlockStore::DistrustIfChanged(Object& object) {
  for (const auto& tier : tiers_) {
    if (object.blocks_in(tier->index()) > 0) DistrustIfChanged(object, *tier, ModifiedNs(object, tier->index()));
  }
}

void BlockStore::DistrustIfChanged(Object& object, const Tier& tier, int64_t modified_ns) {
  if (object.IsAsLeft(tier.index(), modified_ns)) return;
  spdlog::error("the {} tier's file {} of {} was changed by somebody else; it is proven anew", tier.name(),
                Tier::FileName(object.id), object.version.path);
  tier.changed_files.Add();
  object.Distrust(tier.index(), modified_ns);
}

io::Task<Status> BlockStore::ReadProven(std::shared_ptr<Object> object, Place place, std::span<std::byte> target) {
  const uint64_t file_offset = uint64_t{place.block} * object->block_size();
  // One reader proves a block, the others that came with it wait: the kernel asks for a block in several pieces.
  bool waited = false;
  for (; object->proving.contains(place.block); waited = true) co_await proved_.Wait();
  DistrustIfChanged(*object, *by_medium_[place.tier], cache::ModifiedNs(place.fd));
  // Who comes here reads from the device, which may have lost since what was proven once. A small piece is not worth
  // reading the block for.
  const bool trusts = waited || object->IsPiece(target.size());
  if (trusts && place.generation == object->generation && object->IsVerified(place.block)) {
    CO_RETURN_IF_ERROR(co_await io_.Read(place.fd, target, file_offset + place.offset_bytes));
    // SUSPENDED: evicted meanwhile, and perhaps back again, the bytes may be a hole's zeros; or changed.
    if (place.generation == object->generation && object->IsAsLeft(place.tier, cache::ModifiedNs(place.fd)))
      co_return absl::OkStatus();
  }
  const AlignedBuffer buffer(object->BlockLength(place.block));
  const uint32_t distrusts = object->distrusts();
  object->proving.insert(place.block);
  const Status read = co_await io_.Read(place.fd, buffer.span(), file_offset);
  object->proving.erase(place.block);
  proved_.Notify();
  CO_RETURN_IF_ERROR(read);
  if (XXH3_64bits(buffer.data(), buffer.size()) != object->checksum(place.block)) {
    co_return OutOfRange("block {} of {} does not have the bytes that were written", place.block, object->version.path);
  }
  if (place.generation == object->generation && distrusts == object->distrusts()) object->SetVerified(place.block);
  std::memcpy(target.data(), buffer.data() + place.offset_bytes, target.size());
  co_return absl::OkStatus();
}

// Past the page cache, so that it is the medium that is read; a tail of less than a page, and file systems without
// direct reads (tmpfs before Linux 6.6), through it.
io::Task<Status> BlockStore::ReadMedium(std::shared_ptr<Object> object, uint32_t block, Tier& tier,
                                        std::span<std::byte> target) {
  const uint64_t offset = uint64_t{block} * object->block_size();
  const size_t direct = target.size() / AlignedBuffer::kAlignment * AlignedBuffer::kAlignment;
  size_t done = 0;
  if (direct > 0) {
    auto file = co_await OpenReadOnly(object, tier.index(), O_DIRECT);
    if (file.ok()) {
      CO_RETURN_IF_ERROR(co_await io_.Read(file->get(), target.first(direct), offset));
      co_await io_.Close(*std::move(file));
      done = direct;
    } else if (file.status().code() != StatusCode::kInvalidArgument) {
      co_return file.status();
    }
  }
  if (done == target.size()) co_return absl::OkStatus();
  CO_ASSIGN_OR_RETURN(UniqueFd file, co_await OpenReadOnly(object, tier.index()));
  const Status status = co_await io_.Read(file.get(), target.subspan(done), offset + done);
  co_await io_.Close(std::move(file));
  co_return status;
}

// An error that the kernel gives for a sealed file may be its verdict on the bytes: it says nothing of the medium.
void BlockStore::ReportBad(const Object& object, Tier& tier, const Status& status) {
  tier.bad_blocks.Add();
  if (!object.seal(tier.index()).is_set) tier.ReportFailure(status);
}

io::Task<bool> BlockStore::Check(std::shared_ptr<Object> object, uint32_t block) {
  const io::Gate::Holder holder = gate_.Enter();
  const auto medium = object->TierOf(block);
  if (!medium || !by_medium_[*medium]->in_service()) co_return true;
  Tier& tier = *by_medium_[*medium];
  const int64_t modified_ns = ModifiedNs(*object, tier.index());
  DistrustIfChanged(*object, tier, modified_ns);
  object->Meet(tier.index(), modified_ns);
  const uint32_t generation = object->generation;
  const uint32_t distrusts = object->distrusts();
  const uint64_t checksum = object->checksum(block);
  const AlignedBuffer buffer(object->BlockLength(block));
  Status status = co_await ReadMedium(object, block, tier, buffer.span());
  if (status.ok() && XXH3_64bits(buffer.data(), buffer.size()) == checksum) {
    if (generation == object->generation && distrusts == object->distrusts()) object->SetVerified(block);
    co_return true;
  }
  // SUSPENDED: evicted or moved meanwhile, it is not what was to be checked.
  if (generation != object->generation || gate_.closed()) co_return true;
  if (status.ok()) status = OutOfRange("the checksum is another");
  spdlog::error("the {} tier has lost block {} of {}: {}", tier.name(), block, object->version.path, Message(status));
  ReportBad(*object, tier, status);
  co_await Drop(object, block, /*evicted=*/false);
  co_return false;
}

io::Task<uint32_t> BlockStore::Verify(std::shared_ptr<Object> object) {
  uint32_t bad = 0;
  for (uint32_t block = 0; block < object->block_count(); ++block) bad += co_await Check(object, block) ? 0 : 1;
  co_return bad;
}

}  // namespace sluice::cache

#include "cache/cache.h"

#include <algorithm>
#include <cstring>

namespace sluice::cache {
namespace {

constexpr size_t kHitBatch = 64;
// A reader this near to what is not cached is told to the read-ahead.
constexpr uint64_t kLookAheadBytes = 8 * kMiB;
// A block may be evicted between its fill and the copy; more often than this, something is wrong.
constexpr int kTriesMax = 8;
// A read this part of a block (or more) behind what has arrived of it gets a request of its own.
constexpr uint32_t kPieceDistanceShare = 4;

}  // namespace

StatusOr<std::unique_ptr<Cache>> Cache::Open(const CacheOptions& options, io::Loop& loop, io::FileIo& io,
                                             Registry& metrics) {
  std::unique_ptr<Cache> cache(new Cache(options, loop, metrics));
  ASSIGN_OR_RETURN(cache->store_, BlockStore::Open(options.store, loop, io, metrics));
  cache->checks_ = std::make_unique<ContentChecks>(*cache->store_, loop, metrics);
  return cache;
}

Cache::Cache(const CacheOptions& options, io::Loop& loop, Registry& metrics)
    : limits_(options),
      loop_(loop),
      memory_(loop, options.fill_memory_bytes),
      fetches_(loop, options.fetches_max),
      pace_changed_(loop),
      gate_(loop),
      read_ahead_bytes_(options.read_ahead_max_bytes),
      misses_(metrics.AddCounter("sluice_cache_misses_total", "Block reads that had to wait for the source")),
      miss_bytes_(
          metrics.AddCounter("sluice_cache_miss_bytes_total", "Bytes of reads that had to wait for the source")),
      fills_joined_(metrics.AddCounter("sluice_fills_joined_total", "Block reads that joined a fetch under way")),
      uncached_blocks_(metrics.AddCounter("sluice_uncached_blocks_total", "Fetched blocks that no tier took")),
      pieces_(metrics.AddCounter("sluice_pieces_total",
                                 "Reads that fetched their own range, beside the block's fetch or instead of it")),
      fill_wait_(metrics.AddHistogram("sluice_fill_wait_seconds", "Time a fetch waited for memory and a connection")),
      fill_memory_(metrics.AddGauge("sluice_fill_memory_bytes", "Memory of fetches under way")) {}

void Cache::SetLimits(const FetchLimits& limits) {
  // What was learned to be too much stays so; it rises with the next fetches.
  const bool was_whole = read_ahead_bytes_ == limits_.read_ahead_max_bytes;
  read_ahead_bytes_ =
      was_whole ? limits.read_ahead_max_bytes : std::min(read_ahead_bytes_, limits.read_ahead_max_bytes);
  limits_ = limits;
  memory_.SetCapacity(limits.fill_memory_bytes);
  fetches_.SetCapacity(limits.fetches_max);
}

std::optional<size_t> Cache::TryRead(const std::shared_ptr<Object>& object,
                                     const std::shared_ptr<source::Source>& source, uint64_t offset_bytes,
                                     std::span<std::byte> target) {
  uint8_t medium = 0;
  const auto length = object->TryRead(offset_bytes, target, &medium);
  if (!length || *length == 0) return length;
  Tier& tier = *store_->tier(medium);
  tier.hits.Add();
  tier.hit_bytes.Add(*length);
  const ByteRange read{offset_bytes, *length};
  store_->accesses().OnRead(*object, read);
  RecordHit(object, read);
  const uint64_t ahead = read.end() + kLookAheadBytes;
  if (ahead < object->size() && !object->TierOf(object->BlockAt(ahead))) {
    loop_.Post([this, object, source, read] { ReadAheadOf({object, source, io::Urgency::kReadAhead, {}}, read); });
  }
  return length;
}

void Cache::RecordHit(const std::shared_ptr<Object>& object, ByteRange read) {
  // A sequential reader counts once per block, at its first byte; small reads here and there now and then.
  const bool first_byte =
      read.offset % object->block_size() == 0 || object->BlockAt(read.offset) != object->BlockAt(read.end() - 1);
  if (!first_byte && !(object->IsPiece(read.length) && read.offset / 4096 % 16 == 0)) return;
  const std::unique_lock lock(hits_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;  // a lost hit is a slightly worse choice of victim, a wait would cost every reader
  hits_.push_back({object, object->BlockAt(read.end() - 1)});
  if (hits_.size() < kHitBatch) return;
  loop_.Post([this, batch = std::exchange(hits_, {})] {
    for (const Hit& hit : batch) store_->Touch(hit.object, hit.block);
  });
}

void Cache::ReadAheadOf(const Request& request, ByteRange read) {
  const Object& object = *request.object;
  const ByteRange ahead = request.object->read_ahead.OnRead(read, read_ahead_bytes_);
  uint64_t end = std::min(ahead.end(), object.size());
  // In whole requests, once the window is larger than one.
  if (ahead.length > limits_.fetch_bytes_max && end < object.size()) end -= end % limits_.fetch_bytes_max;
  if (ahead.offset >= end) return;
  EnsureFills({request.object, request.source, io::Urgency::kReadAhead, {}}, object.BlockAt(ahead.offset),
              object.BlockAt(end - 1) + 1);
}

io::Task<StatusOr<size_t>> Cache::Read(std::shared_ptr<Object> object, const std::shared_ptr<source::Source>& source,
                                       uint64_t offset_bytes, std::span<std::byte> target, uint64_t* missed_bytes) {
  if (offset_bytes >= object->size()) co_return size_t{0};
  const size_t length = std::min<uint64_t>(target.size(), object->size() - offset_bytes);
  const ByteRange read{offset_bytes, length};
  const Request request{object, source, io::Urgency::kForeground, {}};
  ReadAheadOf(request, read);
  if (!object->read_ahead.IsRandom()) {
    EnsureFills(request, object->BlockAt(read.offset), object->BlockAt(read.end() - 1) + 1);
  }
  for (size_t done = 0; done < length;) {
    const uint32_t block = object->BlockAt(offset_bytes + done);
    const auto in_block = static_cast<uint32_t>(offset_bytes + done - uint64_t{block} * object->block_size());
    const size_t part = std::min<size_t>(length - done, object->BlockLength(block) - in_block);
    CO_ASSIGN_OR_RETURN(const Came came, co_await ReadPart(request, block, in_block, target.subspan(done, part)));
    if (came == Came::kFromSource && missed_bytes != nullptr) *missed_bytes += part;
    done += part;
  }
  store_->accesses().OnRead(*object, read);
  co_return length;
}

// The first touch of a block of a file that is read here and there. The second one shows that it is worth keeping.
bool Cache::WantsPieceOnly(Object& object, uint32_t block, size_t length_bytes) const {
  if (!object.read_ahead.IsRandom() || object.block_count() == 1 || length_bytes * 2 > object.block_size())
    return false;
  if (object.TierOf(block) || object.fills.contains(block) || object.hits(block) > 0) return false;
  object.hits(block) = 1;  // of a block that is in no tier: it was touched
  return true;
}

io::Task<Status> Cache::FetchPiece(const Request& request, uint64_t offset_bytes, std::span<std::byte> target) {
  const io::Gate::Holder holder = gate_.Enter();
  CO_RETURN_IF_ERROR(checks_->MayFetch(*request.object));
  co_await fetches_.Acquire(1, io::Urgency::kForeground);
  source::ReadRequest read;
  read.path = request.object->version.path;
  read.version = request.object->version.version;
  read.offset_bytes = offset_bytes;
  read.target = target;
  read.on_progress = [heard = OnFirstBytes(request)](size_t) mutable { std::exchange(heard, [] {})(); };
  const Status status = co_await request.source->Read(std::move(read));
  fetches_.Release(1);
  pieces_.Add();
  misses_.Add();
  miss_bytes_.Add(target.size());
  co_return status;
}

io::Task<StatusOr<Cache::Came>> Cache::ReadPart(const Request& request, uint32_t block, uint32_t offset_bytes,
                                                std::span<std::byte> target) {
  Object& object = *request.object;
  bool waited = false;
  const uint64_t file_offset = uint64_t{block} * object.block_size() + offset_bytes;
  if (WantsPieceOnly(object, block, target.size())) {
    CO_RETURN_IF_ERROR(co_await FetchPiece(request, file_offset, target));
    co_return Came::kFromSource;
  }
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (!object.TierOf(block)) CO_RETURN_IF_ERROR(checks_->MayFetch(object));
    EnsureFills(request, block, block + 1);
    const auto found = object.fills.find(block);
    if (found != object.fills.end()) {
      const std::shared_ptr<Fill> fill = found->second;
      const size_t start = size_t{block - fill->first_block} * object.block_size() + offset_bytes;
      waited |= fill->arrived_bytes < start + target.size();
      const bool far = fill->arrived_bytes + object.block_size() / kPieceDistanceShare < start;
      if (far && !fill->held_back && request.urgency == io::Urgency::kForeground &&
          target.size() * 2 <= object.block_size() && fill->state <= Fill::State::kRunning) {
        CO_RETURN_IF_ERROR(co_await FetchPiece(request, file_offset, target));
        co_return Came::kFromSource;
      }
      while (fill->arrived_bytes < start + target.size() && fill->state <= Fill::State::kRunning) {
        co_await fill->changed.Wait();
      }
      if (fill->arrived_bytes >= start + target.size()) {
        std::memcpy(target.data(), fill->buffer.data() + start, target.size());
        fill->read_bytes += target.size();
        (waited ? misses_ : fills_joined_).Add();
        miss_bytes_.Add(target.size());
        co_return Came::kFromSource;
      }
      if (fill->state == Fill::State::kFinished) co_return fill->status;
      continue;  // abandoned for a more urgent one
    }
    const auto medium = object.TierOf(block);
    if (medium && co_await store_->ReadBlock(request.object, block, offset_bytes, target)) {
      Tier& tier = *store_->tier(*medium);
      tier.hits.Add();
      tier.hit_bytes.Add(target.size());
      if (offset_bytes == 0 || object.IsPiece(target.size())) store_->Touch(request.object, block);
      co_return Came::kFromTier;
    }
    if (gate_.closed()) co_return Cancelled("the cache is closing");
  }
  co_return Unavailable("block {} of {} came and went {} times; the cache is far too small for what is read", block,
                        object.version.path, kTriesMax);
}

io::Task<StatusOr<uint64_t>> Cache::Warm(std::shared_ptr<Object> object, const std::shared_ptr<source::Source>& source,
                                         uint32_t first_block, uint32_t block_count, std::optional<uint8_t> medium) {
  const Request request{object, source, io::Urgency::kPrewarm, medium};
  const uint32_t end_block = std::min(first_block + block_count, object->block_count());
  CO_RETURN_IF_ERROR(checks_->MayFetch(*object));
  uint64_t missing_bytes = 0;
  for (uint32_t block = first_block; block < end_block; ++block) {
    if (!object->TierOf(block)) missing_bytes += object->BlockLength(block);
  }
  EnsureFills(request, first_block, end_block);
  for (uint32_t block = first_block; block < end_block; ++block) {
    for (auto found = object->fills.find(block); found != object->fills.end(); found = object->fills.find(block)) {
      const std::shared_ptr<Fill> fill = found->second;
      if (fill->state == Fill::State::kFinished && !fill->status.ok()) co_return fill->status;
      if (fill->settled && !object->TierOf(block)) {
        co_return ResourceExhausted(
            "no tier takes block {} of {}: the tiers are full of pinned data, or out of service", block,
            object->version.path);
      }
      co_await fill->changed.Wait();
    }
    if (!object->TierOf(block)) EnsureFills(request, block, end_block);
  }
  co_return missing_bytes;
}

io::Task<void> Cache::Close() {
  co_await gate_.Close();
  co_await checks_->Close();
  while (!retained_.empty()) {
    Forget(retained_.front().first, retained_.front().second);
    retained_.pop_front();
  }
  co_await store_->Close();
}

}  // namespace sluice::cache

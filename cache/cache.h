// The cache: reads go through it, from memory, a tier, or the source, and leave a copy behind.
//
//   TryRead   on the caller's thread, when everything is at hand; never waits
//   Read      on the loop, for everything else
//   Warm      fills an object without a reader
//
// What is not cached is fetched in whole blocks, which stay. But nobody waits for the front of a block to get at its
// end, and a file that is read here and there is not fetched around every read: such a read gets its own range from the
// source (a piece), beside the block's fetch, or instead of it at the block's first touch.
//
// Threads:     TryRead from any thread; the rest on the loop.
// Suspends:    Read, Warm.
// Owns:        the BlockStore, fills under way, and a share of the sources that these read: a fill outlives the reader
//              that began it, and the mount. Targets are the caller's until the call returns.
// Limits:      fill_memory_bytes for all fills under way and fetches_max requests at a time, the more urgent first;
//              read-ahead up to read_ahead_max_bytes per stream; at the limit callers wait (sluice_fill_wait_seconds).
// Errors:      the source's, and DATA_LOSS for an object that is not what its source says (cache/content_check.h). A
//              fault of a tier or of the index is a miss.
// Invariants:  at most one fetch per block is under way; bytes given are those of the object's version, or the read
//              fails.
#pragma once

#include <deque>
#include <memory>

#include "cache/block_store.h"
#include "cache/content_check.h"
#include "cache/fill.h"
#include "cache/prewarm_pace.h"
#include "source/source.h"

namespace sluice::cache {

struct FetchLimits {
  uint64_t fill_memory_bytes = 256 * kMiB;
  uint64_t fetches_max = 64;
  uint64_t fetch_bytes_max = 8 * kMiB;  // one request to the source
  uint64_t read_ahead_max_bytes = 32 * kMiB;
};

struct CacheOptions : FetchLimits {
  BlockStoreOptions store;
};

class Cache {
 public:
  // Without a fetch for so long, their buffers go back to the system.
  static constexpr Duration kRest = std::chrono::seconds(2);

  static StatusOr<std::unique_ptr<Cache>> Open(const CacheOptions& options, io::Loop& loop, io::FileIo& io,
                                               Registry& metrics);

  // How many bytes were read, or nullopt: then Read it. Clamped to the object's end.
  // `source` is for reading ahead, on the loop.
  std::optional<size_t> TryRead(const std::shared_ptr<Object>& object, const std::shared_ptr<source::Source>& source,
                                uint64_t offset_bytes, std::span<std::byte> target);

  // What came from the source is added to `*missed_bytes`, also when the read fails after that.
  io::Task<StatusOr<size_t>> Read(std::shared_ptr<Object> object, const std::shared_ptr<source::Source>& source,
                                  uint64_t offset_bytes, std::span<std::byte> target, uint64_t* missed_bytes = nullptr);

  // Makes blocks [first, first + count) cached, in `medium` when it is given. Returns the bytes that came from the
  // source. RESOURCE_EXHAUSTED when no tier takes them.
  io::Task<StatusOr<uint64_t>> Warm(std::shared_ptr<Object> object, const std::shared_ptr<source::Source>& source,
                                    uint32_t first_block, uint32_t block_count, std::optional<uint8_t> medium);

  BlockStore& store() { return *store_; }
  ContentChecks& checks() { return *checks_; }
  const FetchLimits& limits() const { return limits_; }
  // From now on, for those who wait, too; fills under way go on as they began.
  void SetLimits(const FetchLimits& limits);

  // Waits for fills under way to end; no new ones begin.
  io::Task<void> Close();

 private:
  Cache(const CacheOptions& options, io::Loop& loop, Registry& metrics);

  struct Request {
    std::shared_ptr<Object> object;
    std::shared_ptr<source::Source> source;
    io::Urgency urgency;
    std::optional<uint8_t> medium;
  };
  struct Hit {
    std::shared_ptr<Object> object;
    uint32_t block;
  };

  void EnsureFills(const Request& request, uint32_t first_block, uint32_t end_block);
  void StartFill(const Request& request, uint32_t first_block, uint32_t block_count);
  io::Task<void> AwaitTurn(const Fill& fill);
  void ReturnMemory(uint64_t fills_begun);
  std::function<void()> OnFirstBytes(const Request& request);
  void Abandon(const std::shared_ptr<Object>& object, const std::shared_ptr<Fill>& fill);
  io::Task<void> RunFill(Request request, std::shared_ptr<Fill> fill);
  io::Task<Status> Fetch(const Request& request, std::shared_ptr<Fill> fill);
  io::Task<void> KeepBlocks(const Request& request, const std::shared_ptr<Fill>& fill);
  void Retain(const std::shared_ptr<Object>& object, std::shared_ptr<Fill> fill);
  void Forget(const std::shared_ptr<Object>& object, const std::shared_ptr<Fill>& fill);
  bool WantsPieceOnly(Object& object, uint32_t block, size_t length_bytes) const;
  io::Task<Status> FetchPiece(const Request& request, uint64_t offset_bytes, std::span<std::byte> target);
  enum class Came : uint8_t { kFromTier, kFromSource };
  io::Task<StatusOr<Came>> ReadPart(const Request& request, uint32_t block, uint32_t offset_bytes,
                                    std::span<std::byte> target);
  void ReadAheadOf(const Request& request, ByteRange read);
  void RecordHit(const std::shared_ptr<Object>& object, ByteRange read);

  FetchLimits limits_;
  io::Loop& loop_;
  std::unique_ptr<BlockStore> store_;
  std::unique_ptr<ContentChecks> checks_;
  io::Semaphore memory_;
  uint64_t fills_begun_ = 0;
  bool returning_memory_ = false;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for timers that outlive the cache
  io::Semaphore fetches_;
  PrewarmPace pace_;
  io::Event pace_changed_;
  io::Gate gate_;
  // Finished fills that no tier took, kept a while for the reads that follow; oldest first.
  std::deque<std::pair<std::shared_ptr<Object>, std::shared_ptr<Fill>>> retained_;
  uint64_t retained_bytes_ = 0;
  // At most so far for one reader. It falls when what was read ahead, and refused, has to go before it was read, and
  // rises with each fetch: additive increase, multiplicative decrease.
  uint64_t read_ahead_bytes_;

  std::mutex hits_mutex_;
  std::vector<Hit> hits_;  // GUARDED_BY hits_mutex_; told to the policies in batches

  Counter& misses_;
  Counter& miss_bytes_;
  Counter& fills_joined_;
  Counter& uncached_blocks_;
  Counter& pieces_;
  Histogram& fill_wait_;
  Gauge& fill_memory_;
};

}  // namespace sluice::cache

// Records which blocks are read, while somebody asks for it: a trace that bench/cachesim replays.
//
// An access is a visit to a block by a reader: a read of its first byte, or of its middle when it is not among the last
// kPiecesOf blocks recorded, as the kernel asks for a block in pieces. What nobody reads (read-ahead, prewarm, moves
// between tiers, Verify) is none. A file that the kernel read by itself is one visit to each of its blocks, when it is
// closed: that is what the policies are told of it, too.
//
// Threads:     OnRead from any thread; Start, Take and Stop from that of the recording.
// Limits:      kPendingMax accesses (6 MiB, while recording) that were not taken yet; what comes beyond is counted as
//              lost. OnRead never waits for whoever takes them; while nothing is recorded it is one load.
// Errors:      Start: FAILED_PRECONDITION while another recording is under way.
// Invariants:  an access names an object by its identity, a hash: never by its name.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "cache/object.h"
#include "common/status.h"

namespace sluice::cache {

class AccessRecorder {
 public:
  static constexpr size_t kPendingMax = 1 << 18;
  static constexpr size_t kPiecesOf = 64;

  struct Access {
    BlockKey key;
    uint32_t bytes = 0;  // what the block takes in a tier
  };
  struct Batch {
    std::vector<Access> accesses;  // since the last one, in their order
    uint64_t lost = 0;             // since Start
  };

  // A reader was given these bytes of an object.
  void OnRead(const Object& object, ByteRange read) {
    if (active_.load(std::memory_order_relaxed)) [[unlikely]]
      Record(object, read);
  }

  Status Start();
  Batch Take();
  void Stop();

 private:
  struct Visit {
    BlockKey key;
    bool from_start = false;  // its first byte was read
  };

  void Record(const Object& object, ByteRange read);
  bool IsVisit(const BlockKey& key, bool from_start);

  std::atomic<bool> active_{false};
  std::mutex mutex_;
  // GUARDED_BY mutex_
  Batch pending_;
  std::array<Visit, kPiecesOf> visits_;  // the last ones, a ring
  size_t next_visit_ = 0;
  size_t visit_count_ = 0;
};

}  // namespace sluice::cache

// How far to fetch ahead of a reader: as far as readers of this file have gone on before, then as far again as this one
// has come.
//
// Several readers of one object are told apart by where they read: a read that continues none of the streams begins a
// new one, in place of the one that was quiet for longest. The kernel's own read-ahead sends neighbouring reads out of
// order, so a read a little before or behind a stream's end still continues it.
//
// It also tells a file that is read here and there (a shuffled sampler, a Parquet footer) from one that is read on:
// each jump is evidence for the one, a small one alone is enough; each read that continues a stream is evidence for the
// other. What has been collected lasts for a few reads of the other kind, so that two random places that happen to be
// neighbours are not taken for a reader.
//
// Threads:  loop-confined.
// Limits:   kStreams streams per object; a window of at most `window_max_bytes`.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/bytes.h"

namespace sluice::cache {

class ReadAhead {
 public:
  static constexpr size_t kStreams = 4;
  static constexpr uint64_t kWindowFirstBytes = 1 * kMiB;
  static constexpr uint64_t kSmallReadBytes = 64 * kKiB;

  // Tells of a read; returns the bytes worth fetching behind it (length 0: none).
  ByteRange OnRead(ByteRange read, uint64_t window_max_bytes) {
    ++clock_;
    Stream* stream = Find(read);
    if (stream == nullptr) {
      stream = Begin(read);
    } else {
      random_ -= std::min(random_, kContinued);
      const uint64_t next = std::max(stream->next, read.end());
      stream->run_bytes += next - stream->next;
      stream->next = next;
      stream->used = clock_;
      stream->goes_on = true;
    }
    const ByteRange ahead{stream->next, std::min(WindowOf(*stream), window_max_bytes)};
    stream->ahead_end = ahead.end();
    return ahead;
  }

  // The last reads went here and there: what is around them is not worth fetching unasked.
  bool IsRandom() const { return random_ >= kRandomMin; }

 private:
  // Evidence: a jump counts 1, a small one kRandomMin, a read that continues a stream kContinued against it.
  static constexpr uint32_t kRandomMin = 4;
  static constexpr uint32_t kRandomMax = 8;
  static constexpr uint32_t kContinued = 2;

  // A file is mostly read whole: from its start a reader is trusted to go on for this many times as far as it has come.
  static constexpr uint64_t kTrustFromStart = 4;

  struct Stream {
    uint64_t next = 0;       // where it would go on
    uint64_t ahead_end = 0;  // as far as that is fetched ahead: reads in between are hits, which nobody tells of
    uint64_t run_bytes = 0;  // how far it has come
    uint64_t used = 0;       // 0: never
    bool from_start = false;
    bool goes_on = false;  // after its first read
  };

  Stream* Begin(ByteRange read) {
    const bool from_start = read.offset <= Slack(read);
    if (!from_start) random_ = std::min(random_ + (read.length <= kSmallReadBytes ? kRandomMin : 1), kRandomMax);
    Stream* const stream = Oldest();
    if (stream->used != 0) {
      usual_run_bytes_ = usual_run_bytes_ == 0 ? stream->run_bytes : (3 * usual_run_bytes_ + stream->run_bytes) / 4;
    }
    *stream = {.next = read.end(), .run_bytes = read.length, .used = clock_, .from_start = from_start};
    return stream;
  }

  uint64_t WindowOf(const Stream& stream) const {
    if (IsRandom() || !(stream.from_start || stream.goes_on)) return 0;
    if (stream.run_bytes < usual_run_bytes_) return usual_run_bytes_ - stream.run_bytes;
    return std::max(kWindowFirstBytes,
                    (stream.run_bytes - usual_run_bytes_) * (stream.from_start ? kTrustFromStart : 1));
  }

  // The kernel splits what it wants into requests of one size.
  static uint64_t Slack(ByteRange read) { return std::max(read.length, kSmallReadBytes); }
  Stream* Find(ByteRange read) {
    const uint64_t slack = Slack(read);
    for (Stream& stream : streams_) {
      if (stream.used == 0) continue;
      if (read.offset <= stream.ahead_end + slack && read.end() + slack >= stream.next) return &stream;
    }
    return nullptr;
  }
  Stream* Oldest() {
    Stream* oldest = &streams_[0];
    for (Stream& stream : streams_) {
      if (stream.used < oldest->used) oldest = &stream;
    }
    return oldest;
  }

  std::array<Stream, kStreams> streams_{};
  uint64_t clock_ = 0;
  uint32_t random_ = 0;
  uint64_t usual_run_bytes_ = 0;  // of streams that ended, the later ones count more
};

}  // namespace sluice::cache

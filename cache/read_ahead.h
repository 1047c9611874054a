// How far to fetch ahead of a reader: grows while reads are sequential, gone at the first jump.
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
      // A file is mostly read from its start: trust a first read there.
      const bool start = read.offset <= Slack(read);
      if (!start) random_ = std::min(random_ + (read.length <= kSmallReadBytes ? kRandomMin : 1), kRandomMax);
      stream = Oldest();
      *stream = {read.end(), start ? kWindowFirstBytes : 0, clock_};
    } else {
      random_ -= std::min(random_, kContinued);
      stream->next = std::max(stream->next, read.end());
      stream->window_bytes = IsRandom() ? 0 : std::max(stream->window_bytes * 2, kWindowFirstBytes);
      stream->used = clock_;
    }
    stream->window_bytes = std::min(stream->window_bytes, window_max_bytes);
    return {stream->next, stream->window_bytes};
  }

  // The last reads went here and there: what is around them is not worth fetching unasked.
  bool IsRandom() const { return random_ >= kRandomMin; }

 private:
  // Evidence: a jump counts 1, a small one kRandomMin, a read that continues a stream kContinued against it.
  static constexpr uint32_t kRandomMin = 4;
  static constexpr uint32_t kRandomMax = 8;
  static constexpr uint32_t kContinued = 2;

  struct Stream {
    uint64_t next = 0;  // where it would go on
    uint64_t window_bytes = 0;
    uint64_t used = 0;
  };

  // The kernel splits what it wants into requests of one size.
  static uint64_t Slack(ByteRange read) { return std::max(read.length, kSmallReadBytes); }
  Stream* Find(ByteRange read) {
    const uint64_t slack = Slack(read);
    for (Stream& stream : streams_) {
      if (stream.used == 0) continue;
      if (read.offset <= stream.next + slack && read.end() + slack >= stream.next) return &stream;
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
};

}  // namespace sluice::cache

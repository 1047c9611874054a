// How far to fetch ahead of a reader: grows while reads are sequential, gone at the first jump.
//
// Several readers of one object are told apart by where they read: a read that continues none of the streams begins a
// new one, in place of the one that was quiet for longest. The kernel's own read-ahead sends neighbouring reads out of
// order, so a read a little before or behind a stream's end still continues it.
//
// It also tells a file that is read here and there (a shuffled sampler, a Parquet footer) from one that is read on.
//
// Threads:  loop-confined.
// Limits:   kStreams streams per object; a window of at most `window_max_bytes`.
#pragma once

#include <array>
#include <cstdint>

#include "common/bytes.h"

namespace sluice::cache {

class ReadAhead {
 public:
  static constexpr size_t kStreams = 4;
  static constexpr uint64_t kWindowFirstBytes = 1 * kMiB;
  static constexpr uint32_t kJumpsMin = 4;
  static constexpr uint64_t kSlackBytes = 1 * kMiB;  // what the kernel may have under way at a time

  // Tells of a read; returns the bytes worth fetching behind it (length 0: none).
  ByteRange OnRead(ByteRange read, uint64_t window_max_bytes) {
    ++clock_;
    Stream* stream = Find(read);
    if (stream == nullptr) {
      if (read.offset != 0) ++jumps_;
      stream = Oldest();
      // A file is mostly read from its start: trust a first read there.
      *stream = {read.end(), read.offset == 0 ? kWindowFirstBytes : 0, clock_};
    } else {
      jumps_ = 0;
      stream->next = std::max(stream->next, read.end());
      stream->window_bytes = std::max(stream->window_bytes * 2, kWindowFirstBytes);
      stream->used = clock_;
    }
    stream->window_bytes = std::min(stream->window_bytes, window_max_bytes);
    return {stream->next, stream->window_bytes};
  }

  // The last reads went here and there: what is around them is not worth fetching unasked.
  bool IsRandom() const { return jumps_ >= kJumpsMin; }

 private:
  struct Stream {
    uint64_t next = 0;  // where it would go on
    uint64_t window_bytes = 0;
    uint64_t used = 0;
  };

  Stream* Find(ByteRange read) {
    for (Stream& stream : streams_) {
      if (stream.used == 0) continue;
      if (read.offset <= stream.next + kSlackBytes && read.end() + kSlackBytes >= stream.next) return &stream;
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
  uint32_t jumps_ = 0;  // reads in a row that continued no stream
};

}  // namespace sluice::cache

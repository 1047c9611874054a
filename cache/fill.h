// A run of an object's blocks on its way from the source: one request, however many wait for it.
//
// Readers take their bytes out of the buffer as soon as they have arrived; the tiers get the blocks behind them.
//
// Threads:     loop-confined.
// Invariants:  bytes [0, arrived_bytes) of the buffer are final; a block has at most one Fill in Object::fills.
#pragma once

#include "cache/object.h"
#include "io/sync.h"

namespace sluice::cache {

struct Fill {
  enum class State {
    kQueued,  // waits for memory or a connection; a more urgent reader may replace it
    kRunning,
    kFinished,   // status tells how
    kAbandoned,  // replaced before it began: look again
  };

  Fill(io::Loop& loop, uint32_t first, uint32_t count, io::Urgency how_urgent)
      : first_block(first), block_count(count), urgency(how_urgent), changed(loop) {}

  const uint32_t first_block;
  const uint32_t block_count;
  const io::Urgency urgency;
  bool held_back = false;  // nothing has arrived for readers before all of it is judged (cache/content_check.h)
  State state = State::kQueued;
  AlignedBuffer buffer;
  size_t arrived_bytes = 0;
  size_t read_bytes = 0;     // what readers took, that of several of them added up
  size_t refused_bytes = 0;  // of the blocks that no tier took
  Status status;
  bool settled = false;  // its blocks are in a tier, or no tier took them
  io::Event changed;     // more has arrived, or the state changed
};

}  // namespace sluice::cache

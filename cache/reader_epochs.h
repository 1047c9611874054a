// Who reads without a lock, and when all of them have ended that could have seen what was there before.
//
// A reader counts itself in the epoch that it saw, and only if that is still the epoch: so a turn of the epoch misses
// none, and who waits for the old epoch's count to reach zero has waited for every reader that entered before the turn.
// What a later reader sees was written before the turn.
//
// Threads:    Enter and Leave from any, without waiting; Turn by one at a time, who also waits for the count it returns
//             before the next Turn: there are two counts, of even and odd epochs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace sluice::cache {

class ReaderEpochs {
 public:
  uint32_t now() const { return epoch_.load(); }

  // False: the epoch has turned since, look again.
  bool Enter(uint32_t epoch) {
    counts_[epoch & 1].fetch_add(1);
    if (epoch_.load() == epoch) return true;
    Leave(epoch);
    return false;
  }
  void Leave(uint32_t epoch) { counts_[epoch & 1].fetch_sub(1); }

  // Begins the next epoch. The count of the readers of the last one: it only falls, but for readers that leave at once.
  const std::atomic<uint32_t>& Turn() { return counts_[epoch_.fetch_add(1) & 1]; }

  // Of a reader, from here to the end of the block.
  class Reader {
   public:
    explicit Reader(ReaderEpochs& epochs) : epochs_(epochs), epoch_(epochs.now()) {
      while (!epochs_.Enter(epoch_)) epoch_ = epochs_.now();
    }
    ~Reader() { epochs_.Leave(epoch_); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    ReaderEpochs& epochs_;
    uint32_t epoch_;
  };

 private:
  std::atomic<uint32_t> epoch_ = 0;
  std::array<std::atomic<uint32_t>, 2> counts_{};
};

}  // namespace sluice::cache

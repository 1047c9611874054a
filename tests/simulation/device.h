// A device of one's own: a FileIo whose operations take simulated time, overlap, and fail.
//
// An operation happens at some moment between its start and its end, a write now and then in two halves with anything
// between them. So operations that overlap happen in any order.
//
// Within a process' life the device reads what it acknowledged, as the page cache does; on that the cache relies for
// small pieces of a block that was proven before. What is wrong on the medium shows in the next life
// (tests/simulation/medium.h).
//
// preadv2 of this program is the device's, too: reads that may not wait (Object::TryRead) find bytes in memory or not.
//
// Threads:  on the world's loop.
#pragma once

#include "io/file_io.h"
#include "tests/simulation/medium.h"

namespace sluice::simulation {

class SimulatedDevice final : public io::FileIo {
 public:
  SimulatedDevice(World& world, Medium& medium);
  ~SimulatedDevice() override;

  std::string_view name() const override { return "simulated"; }
  void Start(io::FileRequest& request) override;

  size_t under_way() const { return under_way_; }
  // Holes that were asked for and not made: their space is not free, whatever the cache counts.
  bool left_holes() const { return left_holes_; }
  // For preadv2: whether the page cache has it just now.
  bool IsInMemory() { return !world_.faults.Happens(random_, world_.faults.busy_memory); }

 private:
  Duration Delay();
  int Fault(const io::FileRequest& request);
  int Perform(io::FileRequest& request);
  void CheckNotSealed(const io::FileRequest& request);
  int Write(io::FileRequest& request, size_t length_bytes);
  void Execute(io::FileRequest& request);
  void End(io::FileRequest& request, int result);

  World& world_;
  Medium& medium_;
  Random random_;
  size_t under_way_ = 0;
  bool left_holes_ = false;
};

}  // namespace sluice::simulation

// Seals the simulated files, or not: by the seed each tier can, or none. It takes its time, and finds out who has a
// file open for writing. What a sealed file is then: tests/simulation/medium.h, and the device refuses to open it for
// writing.
//
// Threads:  on the world's loop.
#pragma once

#include "io/sealer.h"
#include "tests/simulation/medium.h"

namespace sluice::simulation {

class SimulatedSealer final : public io::Sealer {
 public:
  SimulatedSealer(World& world, Medium& medium);

  Status Probe(int directory_fd) override;
  io::Task<Status> Seal(int fd) override;
  bool IsSealed(int fd) override;

  size_t under_way() const { return under_way_; }

 private:
  World& world_;
  Medium& medium_;
  Random random_;
  const bool seals_;
  size_t under_way_ = 0;
};

}  // namespace sluice::simulation

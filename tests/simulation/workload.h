// Who uses the simulated cache: readers of several kinds, who compare what they get; an administrator; whoever replaces
// objects at the source.
//
// Threads:  on the world's loop.
#pragma once

#include "tests/simulation/life.h"

namespace sluice::simulation {

// Each goes on until the life is stopping, and is one of its users. `random` is its own.
io::Task<void> RunReader(Life* life, Random random);
io::Task<void> RunAdministrator(Life* life, Random random);
// Reads files directly, as the kernel does for passthrough: what it holds must not change.
io::Task<void> RunHolder(Life* life, Random random);
io::Task<void> RunReplacer(Life* life, Random random);
// Changes the limits of datasets.
io::Task<void> RunLimiter(Life* life, Random random);

// Reads everything once, when nothing fails any more.
io::Task<void> ReadAll(Life* life);

}  // namespace sluice::simulation

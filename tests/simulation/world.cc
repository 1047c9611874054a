#include "tests/simulation/world.h"

#include <unistd.h>

#include <cstdio>

namespace sluice::simulation {

Faults Faults::Draw(Random& random) {
  Faults faults;
  const auto some = [&random](uint32_t Faults::* kind, Faults* of, uint32_t most) {
    if (random.OneIn(3)) of->*kind = static_cast<uint32_t>(random.Between(1, most));
  };
  const auto rarely = [&](uint32_t Faults::* kind, Faults* of, uint32_t most) {
    if (random.OneIn(3)) some(kind, of, most);
  };
  rarely(&Faults::read_error, &faults, 100);  // both end a tier's service, and with it what can be seen of it
  rarely(&Faults::write_error, &faults, 100);
  rarely(&Faults::full, &faults, 100);
  rarely(&Faults::punch_error, &faults, 1000);
  rarely(&Faults::open_error, &faults, 1000);
  some(&Faults::short_transfer, &faults, 2000);
  some(&Faults::interrupted, &faults, 2000);
  some(&Faults::slow_device, &faults, 1000);
  some(&Faults::lost_write, &faults, 1000);
  some(&Faults::misdirected_write, &faults, 1000);
  some(&Faults::busy_memory, &faults, 10000);
  some(&Faults::source_error, &faults, 1500);
  some(&Faults::source_breaks, &faults, 1500);
  some(&Faults::source_stalls, &faults, 200);
  some(&Faults::slow_source, &faults, 1500);
  some(&Faults::source_changes, &faults, 3000);
  return faults;
}

// Coroutines that wait would be leaked or lied to by any other end: nothing more is to run.
void World::Violated(std::string_view checker, const std::string& what) {
  fmt::print("checker {}: {}\n", checker, what);
  std::fflush(stdout);
  ::_exit(kViolated);
}

}  // namespace sluice::simulation

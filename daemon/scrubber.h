// Reads all that is cached, again and again, slowly: a medium loses bytes that nobody reads for months, and those that
// the kernel reads by itself (passthrough, native publish) nobody else compares. A bad block is dropped, and fetched
// again while a volume of its source is mounted.
//
// A pass goes through the objects in 256 parts by their ids, from a part by chance on, so that a daemon that never
// lives for a whole pass leaves nothing out for good.
//
// Threads:  on the loop, but for the constructor.
// Limits:   `bytes_per_second`; one block at a time; of the objects' table one part at a time. Passes begin at least
//           `every` after each other, the first one within kFirstPassMax of the start.
// Errors:   none: what cannot be read is dropped, and a tier that fails goes out of service.
#pragma once

#include "common/metrics.h"
#include "daemon/mounts.h"
#include "io/throttle.h"

namespace sluice::daemon {

struct ScrubOptions {
  uint64_t bytes_per_second = 0;  // 0: never
  Duration every{};
  bool operator==(const ScrubOptions&) const = default;
};

class Scrubber {
 public:
  static constexpr Duration kFirstPassMax = std::chrono::minutes(10);

  Scrubber(ScrubOptions options, const Mounts& mounts, cache::Cache& cache, io::Loop& loop, Registry& metrics);

  // On the loop, once.
  void Start();
  // On the loop: from now on, for a pass that is under way, too.
  void SetOptions(ScrubOptions options);
  io::Task<void> Close();

 private:
  io::Task<void> Run();
  io::Task<void> Pass();
  io::Task<void> Scrub(cache::ObjectVersion version);
  io::Task<void> FetchAgain(std::shared_ptr<cache::Object> object, uint32_t block, uint32_t count, uint8_t medium);
  // Until a pass is due, `every` or `at_most` after `begun`.
  io::Task<void> Rest(Instant begun, Duration at_most);
  bool ShouldStop() const { return gate_.closed() || options_.bytes_per_second == 0; }

  ScrubOptions options_;
  const Mounts& mounts_;
  cache::Cache& cache_;
  io::Loop& loop_;
  io::Throttle throttle_;
  io::Event rested_;
  io::Gate gate_;
  Counter& scrubbed_bytes_;
  Counter& passes_;
};

}  // namespace sluice::daemon

#include "daemon/scrubber.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>

namespace sluice::daemon {
namespace {

constexpr uint32_t kParts = 256;  // of the objects, by the first byte of their ids

}  // namespace

Scrubber::Scrubber(ScrubOptions options, const Mounts& mounts, cache::Cache& cache, io::Loop& loop, Registry& metrics)
    : options_(options),
      mounts_(mounts),
      cache_(cache),
      loop_(loop),
      throttle_(loop),
      rested_(loop),
      gate_(loop),
      scrubbed_bytes_(metrics.AddCounter("sluice_scrubbed_bytes_total", "Cached bytes that the scrubber read")),
      passes_(metrics.AddCounter("sluice_scrub_passes_total", "Times the scrubber went through all that is cached")) {}

void Scrubber::Start() {
  throttle_.SetRate(options_.bytes_per_second);
  io::Spawn(Run());
}

void Scrubber::SetOptions(ScrubOptions options) {
  if (options == options_) return;
  options_ = options;
  throttle_.SetRate(options_.bytes_per_second);
  rested_.Notify();
}

io::Task<void> Scrubber::Close() {
  throttle_.SetRate(0);
  rested_.Notify();
  co_await gate_.Close();
}

io::Task<void> Scrubber::Run() {
  const io::Gate::Holder holder = gate_.Enter();
  Instant begun = loop_.clock().Now();
  co_await Rest(begun, kFirstPassMax);
  while (!gate_.closed()) {
    begun = loop_.clock().Now();
    co_await Pass();
    if (!ShouldStop()) passes_.Add();
    co_await Rest(begun, Duration::max());
  }
}

io::Task<void> Scrubber::Rest(Instant begun, Duration at_most) {
  constexpr Duration kLeast = std::chrono::milliseconds(1);  // a pass over nothing takes no time
  co_await loop_.Sleep(kLeast);
  while (!gate_.closed()) {
    const Duration left = std::min(options_.every, at_most) - (loop_.clock().Now() - begun);
    const bool never = options_.bytes_per_second == 0;
    if (!never && left <= Duration(0)) co_return;
    if (!never) loop_.After(left, [this] { rested_.Notify(); });
    co_await rested_.Wait();  // SUSPENDS: the options may be others
  }
}

io::Task<void> Scrubber::Pass() {
  const uint32_t first = std::random_device()();
  for (uint32_t i = 0; i < kParts && !ShouldStop(); ++i) {
    for (const auto& object : cache_.store().ObjectsWith(static_cast<uint8_t>(first + i)))
      co_await Scrub(object->version);
  }
}

io::Task<void> Scrubber::Scrub(cache::ObjectVersion version) {
  // Kept while its last block may have to be dropped and fetched again.
  const auto object = cache_.store().Acquire(version);
  for (uint32_t block = 0; block < object->block_count() && !ShouldStop(); ++block) {
    const auto medium = object->TierOf(block);
    if (!medium) continue;
    co_await throttle_.Pass(object->BlockLength(block));
    if (ShouldStop()) break;
    const bool good = co_await cache_.store().Check(object, block);
    scrubbed_bytes_.Add(object->BlockLength(block));
    if (good) continue;
    // Of a sealed file all blocks are dropped with a bad one.
    const bool all = object->cached_blocks() == 0;
    co_await FetchAgain(object, all ? 0 : block, all ? object->block_count() : 1, *medium);
  }
  cache_.store().Release(object);
}

// Failing that, the next reader fetches it.
io::Task<void> Scrubber::FetchAgain(std::shared_ptr<cache::Object> object, uint32_t block, uint32_t count,
                                    uint8_t medium) {
  for (const auto& mount : mounts_.All()) {
    if (mount->closing || mount->dataset->options().identity != object->version.dataset) continue;
    const auto fetched = co_await cache_.Warm(object, mount->dataset->source(), block, count, medium);
    if (fetched.ok()) co_return;
    spdlog::warn("block {} of {} cannot be fetched again now: {}", block, object->version.path,
                 Message(fetched.status()));
  }
}

}  // namespace sluice::daemon

// What all parts of a simulated run share: the clock and its loop, the trace, the checkers' verdict, the faults.
//
// Threads:  one.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "io/loop.h"
#include "tests/simulation/random.h"

namespace sluice::simulation {

// A clock that jumps: waiting takes no time (Clock::Skip).
class SimulatedClock final : public Clock {
 public:
  Instant Now() const override { return now_; }
  WallTime Wall() const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(now_.time_since_epoch()));
  }
  bool Skip(Duration by) const override {
    now_ += by;
    return true;
  }

 private:
  mutable Instant now_{std::chrono::seconds(1)};
};

// Events, hashed; printed, too, when somebody wants to read them. Two runs of a seed have the same hash.
class Trace {
 public:
  explicit Trace(bool print) : print_(print) {}

  template <typename... Args>
  void Add(Instant now, fmt::format_string<Args...> format, Args&&... args) {
    line_.clear();
    fmt::format_to(std::back_inserter(line_), "{:>14} ", now.time_since_epoch().count());
    fmt::format_to(std::back_inserter(line_), format, std::forward<Args>(args)...);
    for (const char c : line_) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    if (print_) fmt::print("{}\n", line_);
  }
  uint64_t hash() const { return hash_; }

 private:
  const bool print_;
  std::string line_;
  uint64_t hash_ = 0xcbf29ce484222325u;
};

// Defects that are planted beside the cache, each of which one checker must find.
enum class Plant : uint8_t {
  kNone,
  kWrongVersion,   // the source gives bytes of another version under the version that was asked for
  kBitFlip,        // the device changes a bit of what it had written right, and says nothing
  kDoubleFetch,    // each block is fetched twice
  kLargeQuota,     // a tier is given more than its quota
  kNoHoles,        // the device frees nothing when holes are punched
  kLostHandle,     // a reader forgets to close an object
  kSilentSource,   // a request to the source is never answered
  kStrangeErrors,  // the source's error gives away none of its faults
  kLargeLimit,     // a dataset is given more than its limit
  kForgottenSeal,  // nobody is told that a file is sealed which an earlier life has sealed
};
inline constexpr std::string_view kPlantNames[] = {"none",   "wrong-version", "bit-flip",      "double-fetch",
                                                   "quota",  "no-holes",      "lost-handle",   "silent-source",
                                                   "errors", "limit",         "forgotten-seal"};

// How often what fails, of 10,000. Each seed has some kinds of faults and not others, so that they do not hide each
// other: a device that fails at once is never slow.
struct Faults {
  static Faults Draw(Random& random);

  uint32_t read_error = 0;  // EIO; takes the tier out of service
  uint32_t write_error = 0;
  uint32_t full = 0;         // ENOSPC
  uint32_t open_error = 0;   // EMFILE
  uint32_t punch_error = 0;  // the hole is not made
  uint32_t short_transfer = 0;
  uint32_t interrupted = 0;
  uint32_t slow_device = 0;  // an operation takes up to a second
  uint32_t lost_write = 0;   // acknowledged, and not on the medium
  uint32_t misdirected_write = 0;
  uint32_t busy_memory = 0;  // what could be read at once is not in the page cache

  uint32_t source_error = 0;
  uint32_t source_breaks = 0;  // in the middle of an answer
  uint32_t source_stalls = 0;  // until its deadline
  uint32_t slow_source = 0;
  uint32_t source_changes = 0;  // an object is replaced

  bool quiet = false;  // nothing fails any more
  bool Happens(Random& random, uint32_t per_10000) const { return !quiet && per_10000 > 0 && random.Chance(per_10000); }
};

// Whether the tiers seal whole files.
enum class Sealing : uint8_t { kBySeed, kOn, kOff };
inline constexpr std::string_view kSealingNames[] = {"by-seed", "on", "off"};

struct World {
  World(uint64_t seed, Plant planted, Sealing seals, bool print)
      : seed(seed), plant(planted), sealing(seals), trace(print) {}

  const uint64_t seed;
  const Plant plant;
  const Sealing sealing;
  SimulatedClock clock;
  io::Loop loop{/*use_ring=*/false, clock};
  Trace trace;
  Faults faults;
  size_t checks = 0;

  template <typename... Args>
  void Note(fmt::format_string<Args...> format, Args&&... args) {
    trace.Add(clock.Now(), format, std::forward<Args>(args)...);
  }

  // Something holds that must hold, or the run ends here with the checker's name.
  template <typename... Args>
  void Check(bool holds, std::string_view checker, fmt::format_string<Args...> format, Args&&... args) {
    ++checks;
    if (!holds) Violated(checker, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  [[noreturn]] void Violated(std::string_view checker, const std::string& what);
};

// How a run ends that a checker stopped.
inline constexpr int kViolated = 3;

}  // namespace sluice::simulation

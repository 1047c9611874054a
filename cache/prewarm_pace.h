// How many fetches prewarms may have under way beside readers who wait for the source.
//
// A prewarm alone takes all it can get. Beside a reader its requests stand in the same queues (the server's, the
// link's, this process'), and the reader waits behind them. So the reader's own waiting is the measure, as in TCP Vegas
// (Brakmo, Peterson, 1995): what is usual with next to nothing beside it is learnt first, as a median (one answer moves
// it a little up or down: Ma, Muthukrishnan, Sandler, "Frugal streaming", 2013); then prewarms get one more fetch for
// every few answers that come about as soon, and half as many when most of them come later.
//
// Threads:     loop-confined. No clock of its own.
// Limits:      never under kLeast, so that a prewarm goes on; kSourcesMax sources' usual waits are remembered.
// Invariants:  every Begin has its End.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <optional>

#include "common/clock.h"

namespace sluice::cache {

class PrewarmPace {
 public:
  static constexpr size_t kLeast = 1;
  static constexpr Duration kAlone = std::chrono::seconds(5);  // without a reader for so long
  static constexpr double kLate = 1.25;                        // times the usual wait
  static constexpr size_t kAnswersPerStep = 8;
  static constexpr size_t kSourcesMax = 1024;

  // A reader asks a source for bytes that it waits for.
  struct Question {
    Instant asked;
    size_t beside;  // fetches of prewarms under way
  };
  Question OnQuestion(Instant now);
  // Its first bytes have come. `source` tells sources apart, and is not looked into.
  void OnAnswer(const void* source, const Question& question, Instant now);

  bool MayBegin(Instant now) const { return under_way_ < Limit(now); }
  void Begin() { ++under_way_; }
  void End() { --under_way_; }

  // What MayBegin goes by.
  size_t Limit(Instant now) const;

 private:
  bool IsAlone(Instant now) const { return !last_question_ || now - *last_question_ > kAlone; }

  std::optional<Instant> last_question_;
  size_t under_way_ = 0;
  size_t limit_ = kLeast;
  size_t answers_ = 0, late_ = 0;  // since the last step
  absl::flat_hash_map<const void*, double> usual_ns_;
};

}  // namespace sluice::cache

// What requests to the daemon's admin socket hold: patterns of files, and rates. Whoever may connect may ask for
// anything.
//
// Lines are "pattern PATTERN", "path PATH" (what a listing shows), "rate N" and "cost N". Properties: a file that a
// pattern matches is found by a walk from the root; a pattern matches all below the path that it is; a rate is what was
// set, what has to wait waits no negative time, and no rate is no wait.
#include <charconv>

#include "common/bytes.h"
#include "common/token_bucket.h"
#include "daemon/walk.h"
#include "tests/fuzz/fuzz.h"

namespace sluice {
namespace {

using fuzz::Expect;

bool IsPath(std::string_view path) {
  for (;;) {
    const size_t slash = path.find('/');
    if (!source::IsShowable(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

void CheckPatterns(const std::vector<std::string>& texts, const std::vector<std::string>& paths) {
  const daemon::Patterns patterns(texts);
  for (const std::string& path : paths) {
    if (!patterns.Matches(path)) continue;
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      Expect(patterns.MayMatchBelow(path.substr(0, slash)), "a walk comes to what matches");
    }
  }
  for (const std::string& text : texts) {
    const bool is_plain = text.find_first_of("*?[") == std::string::npos && IsPath(text);
    if (!is_plain) continue;
    Expect(patterns.Matches(text) && patterns.Matches(text + "/below"), "a path is itself and what is below");
  }
  if (texts.empty()) Expect(patterns.Matches("any/thing") && patterns.MayMatchBelow("any"), "no patterns: every file");
}

void CheckRate(TokenBucket& bucket, uint64_t rate, uint64_t cost, Instant& now) {
  bucket.SetRate(rate, now);
  // The bucket counts in double, which holds 53 bits.
  const double set = static_cast<double>(rate);
  Expect(rate == 0 ? bucket.rate() == 0 : static_cast<double>(bucket.rate()) >= set * 0.999, "a rate is what was set");
  Duration delay = bucket.Delay(now);
  Expect(delay >= Duration(0), "nobody waits a negative time");
  if (rate == 0) return Expect(delay == Duration(0), "no rate is no wait");
  now += std::min<Duration>(delay, std::chrono::hours(24 * 100));  // all lines together stay within what a clock shows
  if (bucket.Delay(now) == Duration(0)) bucket.Spend(std::min(cost, kGiB), now);
  Expect(bucket.Delay(now) >= Duration(0), "nobody waits a negative time");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  std::string_view text = fuzz::TextOf(data, size);
  std::vector<std::string> patterns;
  std::vector<std::string> paths;
  TokenBucket bucket;
  Instant now{};
  uint64_t cost = 1;
  while (!text.empty()) {
    const std::string_view line = fuzz::TakeLine(text);
    const std::string_view word = line.substr(0, line.find(' '));
    const std::string_view rest = line.substr(std::min(line.size(), word.size() + 1));
    uint64_t number = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (word == "pattern") patterns.emplace_back(rest);
    if (word == "path" && IsPath(rest)) paths.emplace_back(rest);
    if (word == "cost") cost = number;
    if (word == "rate") CheckRate(bucket, number, cost, now);
  }
  CheckPatterns(patterns, paths);
  return 0;
}

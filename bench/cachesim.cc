// What hit ratio would a tier have? Replays block accesses through the tiers' own admission and eviction code
// (cache/policy.h), and prints the hit ratios as a table, beside the best that any policy could have (Belady's MIN,
// which knows the future).
//
//   cachesim --help
#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <set>

#include "bench/traces.h"
#include "cache/policy.h"

namespace sluice::bench {
namespace {

using cache::BlockKey;
using cache::Policy;

constexpr std::string_view kAware = "+epochs";
constexpr std::string_view kDeclared = "+declared";

struct Settings {
  std::vector<std::string> workloads;
  std::vector<std::string> traces;
  std::vector<std::string> policies;
  std::vector<std::string> capacities = {"30%", "50%", "80%"};
  uint32_t blocks = 20'000;
  uint32_t seed = 1;
  uint64_t skip = 0;
  double high_watermark = 1;
  double low_watermark = 1;
  std::string save;
};

// NAME, NAME+epochs or NAME+declared.
StatusOr<std::unique_ptr<Policy>> PolicyOf(std::string_view name, uint64_t capacity_bytes) {
  if (name.ends_with(kAware)) {
    return cache::MakeEpochAware(name.substr(0, name.size() - kAware.size()), capacity_bytes);
  }
  if (name.ends_with(kDeclared)) {
    return cache::MakeEpochAware(name.substr(0, name.size() - kDeclared.size()), capacity_bytes,
                                 cache::Epochs::kDeclared);
  }
  return cache::MakePolicy(name, capacity_bytes);
}

// A tier without files: what cache/block_io.cc and cache/eviction.cc do around a policy.
class SimulatedTier {
 public:
  SimulatedTier(std::unique_ptr<Policy> policy, uint64_t capacity_bytes, const Settings& settings)
      : policy_(std::move(policy)),
        capacity_bytes_(capacity_bytes),
        high_bytes_(static_cast<uint64_t>(static_cast<double>(capacity_bytes) * settings.high_watermark)),
        low_bytes_(static_cast<uint64_t>(static_cast<double>(capacity_bytes) * settings.low_watermark)) {}

  bool Read(const Access& access) {
    if (resident_.contains(access.key)) {
      policy_->Touch(access.key, access.bytes);
      return true;
    }
    const bool has_room = used_bytes_ + access.bytes <= capacity_bytes_;
    if (access.bytes > capacity_bytes_ || !policy_->Admit(access.key, access.bytes, has_room)) return false;
    while (used_bytes_ + access.bytes > capacity_bytes_) {
      if (!EvictOne()) return false;
    }
    policy_->Insert(access.key, access.bytes);
    resident_[access.key] = access.bytes;
    used_bytes_ += access.bytes;
    if (used_bytes_ > high_bytes_ && !policy_->Keeps()) {
      while (used_bytes_ > low_bytes_ && !policy_->Keeps() && EvictOne()) {
      }
    }
    return false;
  }

 private:
  bool EvictOne() {
    const auto victim = policy_->Victim([](const BlockKey&) { return true; });
    if (!victim) return false;
    policy_->Erase(*victim, /*evicted=*/true);
    const auto found = resident_.find(*victim);
    used_bytes_ -= found->second;
    resident_.erase(found);
    return true;
  }

  const std::unique_ptr<Policy> policy_;
  const uint64_t capacity_bytes_;
  const uint64_t high_bytes_;
  const uint64_t low_bytes_;
  uint64_t used_bytes_ = 0;
  absl::flat_hash_map<BlockKey, uint64_t> resident_;
};

double HitRatio(const Trace& trace, uint64_t hits) {
  return static_cast<double>(hits) /
         static_cast<double>(std::max<size_t>(trace.accesses.size() - trace.measured_from, 1));
}

double Replay(const Trace& trace, SimulatedTier tier) {
  uint64_t hits = 0;
  for (size_t i = 0; i < trace.accesses.size(); ++i) {
    const bool hit = tier.Read(trace.accesses[i]);
    hits += hit && i >= trace.measured_from ? 1 : 0;
  }
  return HitRatio(trace, hits);
}

// Belady, "A study of replacement algorithms for a virtual-storage computer", 1966: the block that is read again last
// goes, be it the one that was just fetched. The best there is for blocks of one size; for others, a good guess.
double ReplayMin(const Trace& trace, uint64_t capacity_bytes) {
  constexpr size_t kNever = std::numeric_limits<size_t>::max();
  std::vector<size_t> next(trace.accesses.size(), kNever);
  absl::flat_hash_map<BlockKey, size_t> last;
  for (size_t i = trace.accesses.size(); i-- > 0;) {
    const auto [found, is_new] = last.try_emplace(trace.accesses[i].key, i);
    if (!is_new) next[i] = std::exchange(found->second, i);
  }
  std::set<std::pair<size_t, size_t>> by_next;  // when it is read next, when it was read last
  absl::flat_hash_map<BlockKey, size_t> resident;
  uint64_t used_bytes = 0;
  uint64_t hits = 0;
  for (size_t i = 0; i < trace.accesses.size(); ++i) {
    const Access& access = trace.accesses[i];
    if (const auto found = resident.find(access.key); found != resident.end()) {
      hits += i >= trace.measured_from ? 1 : 0;
      by_next.erase({i, found->second});
    } else {
      used_bytes += access.bytes;
    }
    resident[access.key] = i;
    by_next.emplace(next[i], i);
    while (used_bytes > capacity_bytes) {
      const Access& farthest = trace.accesses[by_next.rbegin()->second];
      used_bytes -= farthest.bytes;
      resident.erase(farthest.key);
      by_next.erase(std::prev(by_next.end()));
    }
  }
  return HitRatio(trace, hits);
}

// "30%" of the dataset, or a number of bytes.
StatusOr<uint64_t> CapacityBytes(const std::string& text, const Trace& trace) {
  size_t used = 0;
  double number = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const bool percent = used > 0 && text.substr(used) == "%";
  if (used == 0 || number <= 0 || (!percent && used != text.size())) {
    return InvalidArgument("a capacity is a number of bytes or a share of the dataset such as 50%, not '{}'", text);
  }
  if (!percent) return static_cast<uint64_t>(number);
  uint64_t total_bytes = 0;
  for (const Access& access : trace.accesses) total_bytes += access.bytes;
  const double block_bytes = static_cast<double>(total_bytes) / static_cast<double>(trace.accesses.size());
  return static_cast<uint64_t>(number / 100 * static_cast<double>(trace.dataset_blocks) * block_bytes);
}

Status PrintRows(const Trace& trace, const Settings& settings) {
  for (const std::string& capacity : settings.capacities) {
    ASSIGN_OR_RETURN(const uint64_t capacity_bytes, CapacityBytes(capacity, trace));
    fmt::print("| {} | {} |", trace.name, capacity);
    for (const std::string& name : settings.policies) {
      ASSIGN_OR_RETURN(auto policy, PolicyOf(name, capacity_bytes));
      fmt::print(" {:.4f} |", Replay(trace, SimulatedTier(std::move(policy), capacity_bytes, settings)));
      std::fflush(stdout);
    }
    fmt::print(" {:.4f} |\n", ReplayMin(trace, capacity_bytes));
  }
  return absl::OkStatus();
}

Status Run(const Settings& settings) {
  fmt::print("| workload | capacity |");
  for (const std::string& name : settings.policies) fmt::print(" {} |", name);
  fmt::print(" best possible |\n| --- | --- |");
  for (size_t i = 0; i <= settings.policies.size(); ++i) fmt::print(" --- |");
  fmt::print("\n");
  for (const std::string& path : settings.traces) {
    ASSIGN_OR_RETURN(Trace trace, ReadTrace(path));
    trace.measured_from = std::min<size_t>(settings.skip, trace.accesses.size());
    RETURN_IF_ERROR(PrintRows(trace, settings));
  }
  for (const std::string& name : settings.workloads) {
    ASSIGN_OR_RETURN(const Trace trace, MakeTrace(name, settings.blocks, settings.seed));
    if (!settings.save.empty()) return WriteTrace(trace, settings.save);
    RETURN_IF_ERROR(PrintRows(trace, settings));
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Hit ratios of the tiers' policies on access traces, beside the best possible.");
  app.add_option("--trace", settings.traces, "Recorded accesses: a file with a line 'OBJECT-HEX BLOCK BYTES' for each")
      ->check(CLI::ExistingFile);
  app.add_option("--skip", settings.skip, "This many of a trace's first accesses fill the cache, and do not count");
  app.add_option("--workload", settings.workloads, "Made accesses (see below); default: all, unless --trace is given");
  app.add_option(
      "--policy", settings.policies,
      "lru, s3-fifo or w-tinylfu; NAME+epochs as in a tier, NAME+declared with epochs declared; default: all");
  app.add_option("--capacity", settings.capacities, "Of the tier: bytes, or a share of the dataset")
      ->capture_default_str();
  app.add_option("--blocks", settings.blocks, "Blocks of a made dataset, of 1 MiB each")
      ->check(CLI::Range(16, 10'000'000))
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "Of the made accesses")->capture_default_str();
  app.add_option("--high-watermark", settings.high_watermark, "Evict ahead of need above this share of the tier ...")
      ->check(CLI::Range(0.1, 1.0))
      ->capture_default_str();
  app.add_option("--low-watermark", settings.low_watermark, "... down to this one")
      ->check(CLI::Range(0.1, 1.0))
      ->capture_default_str();
  app.add_option("--save", settings.save, "Write the first --workload's accesses to a file, and replay nothing");
  std::string footer = "Workloads:\n";
  for (const Shape& shape : kShapes) footer += fmt::format("  {:<12} {}\n", shape.name, shape.what);
  app.footer(footer);
  CLI11_PARSE(app, argc, argv);
  if (settings.workloads.empty() && settings.traces.empty()) {
    for (const Shape& shape : kShapes) settings.workloads.emplace_back(shape.name);
  }
  if (settings.policies.empty()) {
    for (const std::string_view name : cache::kPolicyNames) {
      settings.policies.emplace_back(name);
      settings.policies.push_back(std::string(name) + std::string(kAware));
    }
  }
  const Status status = Run(settings);
  if (status.ok()) return 0;
  fmt::print(stderr, "cachesim: {}\n", Message(status));
  return 1;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) { return sluice::bench::Main(argc, argv); }

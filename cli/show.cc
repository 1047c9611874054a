// sluice mounts, stats, status, metrics.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "cli/commands.h"
#include "common/bytes.h"

namespace sluice::cli {
namespace {

std::string Limit(uint64_t bytes_per_second) {
  return bytes_per_second == 0 ? "-" : FormatBytes(bytes_per_second) + "/s";
}

// "ssd 1.2 GiB / 4 GiB, …": bytes, and the volume's limit where it has one.
std::string Cached(const admin::v1::Mount& mount) {
  std::string text;
  for (const char* const medium : {"dram", "ssd", "hdd"}) {
    const auto cached = mount.cached_bytes().find(medium);
    const auto limit = mount.limits().find(medium);
    const bool unused = limit != mount.limits().end() && limit->second.quota_bytes() == 0;
    if (cached == mount.cached_bytes().end() || (unused && cached->second == 0)) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", medium, FormatBytes(cached->second));
    if (limit != mount.limits().end()) text += " / " + FormatBytes(limit->second.quota_bytes());
  }
  return text.empty() ? "-" : text;
}

std::string Total(const admin::v1::Mount& mount) {
  return FormatBytes(mount.bytes()) + (mount.listed() ? "" : " or more");
}

void PrintTiers(const google::protobuf::RepeatedPtrField<admin::v1::Tier>& tiers, const admin::v1::Stats* stats) {
  std::vector<std::string> header = {"TIER", "USED", "QUOTA", "STATE", "PATH"};
  if (stats != nullptr) header.insert(header.begin() + 3, "HITS");
  Table table(std::move(header));
  for (const auto& tier : tiers) {
    std::vector<std::string> row = {tier.medium(), FormatBytes(tier.used_bytes()), FormatBytes(tier.quota_bytes()),
                                    tier.in_service() ? "in service" : "failed: " + tier.failure(), tier.path()};
    if (stats != nullptr) {
      const auto hits = stats->hits().find(tier.medium());
      row.insert(row.begin() + 3, std::to_string(hits == stats->hits().end() ? 0 : hits->second));
    }
    table.Add(std::move(row));
  }
  table.Print();
}

uint64_t HitsOf(const admin::v1::Stats& stats) {
  uint64_t total = 0;
  for (const auto& [tier, hits] : stats.hits()) total += hits;
  return total;
}

void PrintStats(const admin::v1::Stats& stats) {
  PrintTiers(stats.tiers(), &stats);
  const uint64_t hits = HitsOf(stats);
  const uint64_t reads = hits + stats.misses();
  fmt::print("\nhits {} ({:.1f} %)  misses {}  read {}  from the source {} in {} requests ({} failed)\n", hits,
             reads == 0 ? 0.0 : 100.0 * static_cast<double>(hits) / static_cast<double>(reads), stats.misses(),
             FormatBytes(stats.read_bytes()), FormatBytes(stats.source_read_bytes()), stats.source_requests(),
             stats.source_errors());
  fmt::print("cached objects {}  evictions {}  throttled {:.1f} s  up {:.0f} s\n", stats.cached_objects(),
             stats.evictions(), stats.throttled_seconds(), stats.uptime_seconds());
}

}  // namespace

int ShowMounts(const Globals& globals) {
  grpc::ClientContext context;
  admin::v1::ListMountsResponse reply;
  const grpc::Status status = Connect(globals)->ListMounts(&context, {}, &reply);
  if (!status.ok()) return Report(globals, status);
  if (globals.json()) {
    PrintJson(reply);
    return kOk;
  }
  Table table({"DATASET", "SOURCE", "CONSISTENCY", "ENTRIES", "HIDDEN", "CACHED", "OF", "READ LIMIT", "PATH", "WHY"});
  for (const auto& mount : reply.mounts()) {
    table.Add({mount.volume_id(), mount.source(), mount.consistency(), std::to_string(mount.entries()),
               std::to_string(mount.hidden_entries()), Cached(mount), Total(mount),
               Limit(mount.throttle().read_bytes_per_second()), mount.path(),
               mount.path_reason().empty() ? mount.native() : mount.path_reason()});
  }
  table.Print();
  for (const auto& mount : reply.mounts()) {
    for (const std::string& note : mount.notes()) fmt::print("{}: {}\n", mount.volume_id(), note);
  }
  for (const auto& failure : reply.failures()) {
    fmt::print("{} could not be mounted at {:%Y-%m-%dT%H:%M:%SZ}: {}: {}\n", failure.volume_id(),
               fmt::gmtime(static_cast<std::time_t>(failure.at_seconds())), failure.code(), failure.message());
  }
  return kOk;
}

int ShowStats(const Globals& globals, bool watch) {
  const auto stub = Connect(globals);
  admin::v1::Stats before;
  for (bool first = true;; first = false) {
    grpc::ClientContext context;
    admin::v1::Stats stats;
    const grpc::Status status = stub->GetStats(&context, {}, &stats);
    if (!status.ok()) return Report(globals, status);
    if (globals.json()) {
      PrintJson(stats);
    } else if (!watch) {
      PrintStats(stats);
    } else if (!first) {
      fmt::print("read {:>12}/s  source {:>12}/s  hits {:>8}/s  misses {:>8}/s\n",
                 FormatBytes(stats.read_bytes() - before.read_bytes()),
                 FormatBytes(stats.source_read_bytes() - before.source_read_bytes()), HitsOf(stats) - HitsOf(before),
                 stats.misses() - before.misses());
      std::fflush(stdout);
    }
    if (!watch) return kOk;
    before = stats;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

int ShowStatus(const Globals& globals) {
  grpc::ClientContext context;
  admin::v1::Status reply;
  const grpc::Status status = Connect(globals)->GetStatus(&context, {}, &reply);
  if (!status.ok()) return Report(globals, status);
  if (globals.json()) {
    PrintJson(reply);
    return kOk;
  }
  fmt::print("sluiced {}, pool {}, up {:.0f} s, files through {}, confined by {}\n\n", reply.version(), reply.pool(),
             reply.uptime_seconds(), reply.file_io(), reply.confinement());
  PrintTiers(reply.tiers(), nullptr);
  for (const std::string& note : reply.notes()) fmt::print("note: {}\n", note);
  return kOk;
}

int ShowMetrics(const Globals& globals) {
  grpc::ClientContext context;
  admin::v1::Metrics reply;
  const grpc::Status status = Connect(globals)->GetMetrics(&context, {}, &reply);
  if (status.ok()) globals.json() ? PrintJson(reply) : fmt::print("{}", reply.text());
  return Report(globals, status);
}

}  // namespace sluice::cli

#include "common/pool_config.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "common/yaml.h"

namespace sluice {
namespace {

constexpr std::string_view kMedia[] = {"dram", "ssd", "hdd"};
constexpr std::string_view kEpochs[] = {"auto", "declared"};
constexpr std::string_view kPolicies[] = {"s3-fifo", "w-tinylfu", "lru"};
constexpr std::string_view kIo[] = {"auto", "io_uring", "threads"};
constexpr std::string_view kLogLevels[] = {"trace", "debug", "info", "warn", "error"};
constexpr uint64_t kQuotaMin = 8 * kMiB;

uint64_t MemoryBytes() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t FileSystemBytes(const std::string& path) {
  struct statvfs fs{};
  return ::statvfs(path.c_str(), &fs) == 0 ? uint64_t{fs.f_blocks} * fs.f_frsize : 0;
}

Status ReadTier(YamlMapping& yaml, TierConfig* tier) {
  yaml.Choice("medium", kMedia, &tier->medium);
  yaml.String("path", &tier->path);
  yaml.Bytes("quota", &tier->quota_bytes);
  yaml.Fraction("highWatermark", &tier->high_watermark);
  yaml.Fraction("lowWatermark", &tier->low_watermark);
  RETURN_IF_ERROR(yaml.Finish());
  if (tier->medium.empty()) return yaml.ErrorAt("medium", "is missing; one of dram, ssd, hdd is needed");
  if (tier->quota_bytes < kQuotaMin) {
    return yaml.ErrorAt("quota",
                        fmt::format("a tier needs a quota of at least {}, such as 100GiB", FormatBytes(kQuotaMin)));
  }
  if (tier->low_watermark >= tier->high_watermark) {
    return yaml.ErrorAt("lowWatermark", "must be lower than highWatermark");
  }
  return absl::OkStatus();
}

enum class Reads { kPool, kChange };

// The tiers of a pool are those that are listed; a change finds them there.
Status ReadTierOf(YamlMapping& item, Reads what, PoolConfig* pool) {
  TierConfig tier;
  item.Choice("medium", kMedia, &tier.medium);
  const auto same = std::ranges::find(pool->tiers, tier.medium, &TierConfig::medium);
  const bool is_there = same != pool->tiers.end();
  if (what == Reads::kPool) {
    RETURN_IF_ERROR(ReadTier(item, &tier));
    if (is_there) return item.ErrorAt("medium", fmt::format("a second {} tier; one of each is possible", tier.medium));
    pool->tiers.push_back(std::move(tier));
    return absl::OkStatus();
  }
  if (is_there) return ReadTier(item, &*same);
  if (!tier.medium.empty()) return FailedPrecondition("the pool has no {} tier", tier.medium);
  return ReadTier(item, &tier);
}

Status ReadPool(YamlMapping& yaml, Reads what, PoolConfig* pool) {
  yaml.Integer("uid", 1, 0xfffffffe, &pool->uid);
  if (what == Reads::kPool) pool->gid = pool->uid;
  yaml.Integer("gid", 1, 0xfffffffe, &pool->gid);
  yaml.Mapping("attached", [&](YamlMapping& attached) -> Status {
    AttachedConfig& pod = pool->attached.emplace();
    attached.String("namespace", &pod.pod_namespace);
    attached.String("serviceAccount", &pod.service_account);
    RETURN_IF_ERROR(attached.Finish());
    if (pod.pod_namespace.empty() == pod.service_account.empty()) return absl::OkStatus();
    return attached.ErrorAt(pod.pod_namespace.empty() ? "namespace" : "serviceAccount",
                            "is missing; the daemon's pod is known by both, namespace and serviceAccount");
  });
  yaml.List("tiers", [&](YamlMapping& item) { return ReadTierOf(item, what, pool); });
  yaml.Choice("policy", kPolicies, &pool->policy);
  yaml.Choice("epochs", kEpochs, &pool->epochs);
  yaml.Choice("io", kIo, &pool->io);
  yaml.Mapping("limits", [&](YamlMapping& limits) {
    limits.Bytes("fillMemory", &pool->fill_memory_bytes);
    limits.Integer("fetches", 1, 1024, &pool->fetches_max);
    limits.Bytes("fetchSize", &pool->fetch_bytes_max);
    limits.Bytes("readAhead", &pool->read_ahead_bytes_max);
    limits.Bytes("pushMemory", &pool->push_memory_bytes);
    limits.Integer("openFiles", 64, 1 << 20, &pool->open_files_max);
    limits.Integer("sessionThreads", 1, 64, &pool->session_threads);
    return limits.Finish();
  });
  yaml.Mapping("source", [&](YamlMapping& source) {
    source.String("caFile", &pool->ca_file);
    source.Paths("directories", &pool->source_directories);
    source.Seconds("deadline", &pool->source_deadline);
    return source.Finish();
  });
  yaml.Mapping("scrub", [&](YamlMapping& scrub) {
    scrub.Rate("rate", &pool->scrub_bytes_per_second);
    scrub.Seconds("every", &pool->scrub_every);
    return scrub.Finish();
  });
  yaml.Seconds("answerDeadline", &pool->answer_deadline);
  yaml.Mapping("metrics", [&](YamlMapping& metrics) {
    metrics.String("listen", &pool->metrics_listen);
    return metrics.Finish();
  });
  yaml.Choice("logLevel", kLogLevels, &pool->log_level);
  return yaml.Finish();
}

void FillDefaults(PoolConfig* pool, const std::string& state_directory) {
  const std::string directory = PoolDirectory(state_directory, pool->name);
  if (pool->tiers.empty()) {
    pool->tiers.push_back({.medium = "dram", .path = "", .quota_bytes = std::max(MemoryBytes() / 8, kQuotaMin)});
    pool->tiers.push_back(
        {.medium = "ssd", .path = "", .quota_bytes = std::max(FileSystemBytes(state_directory) / 2, kQuotaMin)});
  }
  for (TierConfig& tier : pool->tiers) {
    if (tier.path.empty()) tier.path = fmt::format("{}/{}", directory, tier.medium);
  }
}

}  // namespace

Status CheckPoolName(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 64 &&
                    name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (good) return absl::OkStatus();
  return InvalidArgument("pool name '{}': it may have small letters, digits and '-' only, 64 at most", name);
}

std::string PoolDirectory(const std::string& state_directory, const std::string& pool) {
  return fmt::format("{}/pools/{}", state_directory, pool);
}

std::string PoolConfigDirectory(const std::string& state_directory) { return state_directory + "/config"; }

StatusOr<PoolConfigs> LoadPoolConfigs(const std::string& file, const std::string& state_directory) {
  PoolConfigs pools;
  if (!file.empty()) {
    ASSIGN_OR_RETURN(const YAML::Node root, LoadYaml(file));
    YamlMapping top(file, root);
    top.Entries("pools", [&](const std::string& name, YamlMapping& entry) -> Status {
      RETURN_IF_ERROR(Annotate(CheckPoolName(name), file));
      PoolConfig& pool = pools[name];
      pool.name = name;
      return ReadPool(entry, Reads::kPool, &pool);
    });
    RETURN_IF_ERROR(top.Finish());
  }
  if (pools.empty()) pools["default"] = PoolConfig{};
  for (auto& [name, pool] : pools) FillDefaults(&pool, state_directory);
  return pools;
}

StatusOr<PoolConfig> ChangePool(const PoolConfig& pool, const std::string& yaml, const std::string& name) {
  ASSIGN_OR_RETURN(const YAML::Node root, ParseYaml(yaml, name));
  PoolConfig changed = pool;
  YamlMapping top(name, root);
  RETURN_IF_ERROR(ReadPool(top, Reads::kChange, &changed));
  return changed;
}

}  // namespace sluice

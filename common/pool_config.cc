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

Status ReadPool(YamlMapping& yaml, PoolConfig* pool) {
  yaml.Integer("uid", 1, 0xfffffffe, &pool->uid);
  pool->gid = pool->uid;
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
  yaml.List("tiers", [&](YamlMapping& item) -> Status {
    TierConfig tier;
    RETURN_IF_ERROR(ReadTier(item, &tier));
    for (const TierConfig& other : pool->tiers) {
      if (other.medium == tier.medium)
        return item.ErrorAt("medium", fmt::format("a second {} tier; one of each is possible", tier.medium));
    }
    pool->tiers.push_back(std::move(tier));
    return absl::OkStatus();
  });
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
      return ReadPool(entry, &pool);
    });
    RETURN_IF_ERROR(top.Finish());
  }
  if (pools.empty()) pools["default"] = PoolConfig{};
  for (auto& [name, pool] : pools) FillDefaults(&pool, state_directory);
  return pools;
}

namespace {

void Write(const PoolConfig& config, YAML::Emitter& out) {
  const auto bytes = [](uint64_t count) {
    return count % kMiB == 0 ? fmt::format("{}MiB", count / kMiB) : fmt::format("{}", count);
  };
  const auto time = [](Duration duration) {
    const auto ms = std::chrono::round<std::chrono::milliseconds>(duration).count();
    return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}ms", ms);
  };
  out << YAML::Key << config.name << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "uid" << YAML::Value << config.uid << YAML::Key << "gid" << YAML::Value << config.gid;
  if (config.attached) {
    out << YAML::Key << "attached" << YAML::Value << YAML::BeginMap;
    if (!config.attached->pod_namespace.empty()) {
      out << YAML::Key << "namespace" << YAML::Value << config.attached->pod_namespace << YAML::Key << "serviceAccount"
          << YAML::Value << config.attached->service_account;
    }
    out << YAML::EndMap;
  }
  out << YAML::Key << "tiers" << YAML::Value << YAML::BeginSeq;
  for (const TierConfig& tier : config.tiers) {
    out << YAML::BeginMap << YAML::Key << "medium" << YAML::Value << tier.medium << YAML::Key << "path" << YAML::Value
        << tier.path << YAML::Key << "quota" << YAML::Value << bytes(tier.quota_bytes) << YAML::Key << "highWatermark"
        << YAML::Value << tier.high_watermark << YAML::Key << "lowWatermark" << YAML::Value << tier.low_watermark
        << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::Key << "policy" << YAML::Value << config.policy;
  out << YAML::Key << "epochs" << YAML::Value << config.epochs;
  out << YAML::Key << "io" << YAML::Value << config.io;
  out << YAML::Key << "limits" << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "fillMemory" << YAML::Value << bytes(config.fill_memory_bytes);
  out << YAML::Key << "fetches" << YAML::Value << config.fetches_max;
  out << YAML::Key << "fetchSize" << YAML::Value << bytes(config.fetch_bytes_max);
  out << YAML::Key << "readAhead" << YAML::Value << bytes(config.read_ahead_bytes_max);
  out << YAML::Key << "pushMemory" << YAML::Value << bytes(config.push_memory_bytes);
  out << YAML::Key << "openFiles" << YAML::Value << config.open_files_max;
  out << YAML::Key << "sessionThreads" << YAML::Value << config.session_threads << YAML::EndMap;
  out << YAML::Key << "source" << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "directories" << YAML::Value << YAML::Flow << config.source_directories;
  if (!config.ca_file.empty()) out << YAML::Key << "caFile" << YAML::Value << config.ca_file;
  out << YAML::Key << "deadline" << YAML::Value << time(config.source_deadline) << YAML::EndMap;
  out << YAML::Key << "scrub" << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "rate" << YAML::Value << bytes(config.scrub_bytes_per_second) + "/s";
  out << YAML::Key << "every" << YAML::Value << time(config.scrub_every) << YAML::EndMap;
  out << YAML::Key << "answerDeadline" << YAML::Value << time(config.answer_deadline);
  if (!config.metrics_listen.empty()) {
    out << YAML::Key << "metrics" << YAML::Value << YAML::BeginMap << YAML::Key << "listen" << YAML::Value
        << config.metrics_listen << YAML::EndMap;
  }
  out << YAML::Key << "logLevel" << YAML::Value << config.log_level;
  out << YAML::EndMap;
}

}  // namespace

std::string ToYaml(const PoolConfigs& configs) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << "pools" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, config] : configs) Write(config, out);
  out << YAML::EndMap << YAML::EndMap;
  return out.c_str();
}

std::string ToYaml(const PoolConfig& config) { return ToYaml(PoolConfigs{{config.name, config}}); }

}  // namespace sluice

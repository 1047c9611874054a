// The configuration as YAML.
#include <yaml-cpp/yaml.h>

#include "common/pool_config.h"

namespace sluice {
namespace {

std::string Bytes(uint64_t count) {
  return count % kMiB == 0 ? fmt::format("{}MiB", count / kMiB) : fmt::format("{}", count);
}

std::string Time(Duration duration) {
  const auto ms = std::chrono::round<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}ms", ms);
}

class PoolWriter {
 public:
  PoolWriter(const PoolConfig& config, const std::set<std::string>& changed, YAML::Emitter& out)
      : config_(config), changed_(changed), out_(out) {}

  void Write() {
    Begin(config_.name, "");
    Put("uid", config_.uid);
    Put("gid", config_.gid);
    if (config_.attached) WriteAttached(*config_.attached);
    out_ << YAML::Key << "tiers" << YAML::Value << YAML::BeginSeq;
    for (const TierConfig& tier : config_.tiers) WriteTier(tier);
    out_ << YAML::EndSeq;
    within_.clear();
    Put("policy", config_.policy);
    Put("epochs", config_.epochs);
    Put("io", config_.io);
    WriteLimits();
    Begin("source", "source.");
    out_ << YAML::Key << "directories" << YAML::Value << YAML::Flow << config_.source_directories;
    if (!config_.ca_file.empty()) Put("caFile", config_.ca_file);
    Put("deadline", Time(config_.source_deadline));
    End();
    Begin("scrub", "scrub.");
    Put("rate", Bytes(config_.scrub_bytes_per_second) + "/s");
    Put("every", Time(config_.scrub_every));
    End();
    Put("answerDeadline", Time(config_.answer_deadline));
    if (!config_.metrics_listen.empty()) {
      Begin("metrics", "metrics.");
      Put("listen", config_.metrics_listen);
      End();
    }
    Put("logLevel", config_.log_level);
    End();
  }

 private:
  // A mapping whose keys are called WITHIN + their own.
  void Begin(const std::string& key, std::string within) {
    out_ << YAML::Key << key << YAML::Value << YAML::BeginMap;
    within_ = std::move(within);
  }
  void End() {
    out_ << YAML::EndMap;
    within_.clear();
  }
  template <typename T>
  void Put(const std::string& key, const T& value) {
    out_ << YAML::Key << key << YAML::Value << value;
    if (changed_.contains(within_ + key)) out_ << YAML::Comment("sluice config set");
  }

  void WriteAttached(const AttachedConfig& attached) {
    Begin("attached", "attached.");
    if (!attached.pod_namespace.empty()) {
      Put("namespace", attached.pod_namespace);
      Put("serviceAccount", attached.service_account);
    }
    End();
  }

  void WriteTier(const TierConfig& tier) {
    out_ << YAML::BeginMap;
    within_ = fmt::format("tiers.{}.", tier.medium);
    Put("medium", tier.medium);
    Put("path", tier.path);
    Put("quota", Bytes(tier.quota_bytes));
    Put("highWatermark", fmt::format("{}", tier.high_watermark));
    Put("lowWatermark", fmt::format("{}", tier.low_watermark));
    End();
  }

  void WriteLimits() {
    Begin("limits", "limits.");
    Put("fillMemory", Bytes(config_.fill_memory_bytes));
    Put("fetches", config_.fetches_max);
    Put("fetchSize", Bytes(config_.fetch_bytes_max));
    Put("readAhead", Bytes(config_.read_ahead_bytes_max));
    Put("pushMemory", Bytes(config_.push_memory_bytes));
    Put("openFiles", config_.open_files_max);
    Put("sessionThreads", config_.session_threads);
    End();
  }

  const PoolConfig& config_;
  const std::set<std::string>& changed_;
  YAML::Emitter& out_;
  std::string within_;
};

std::string WriteAll(const PoolConfigs& configs, const std::set<std::string>& changed) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << "pools" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, config] : configs) PoolWriter(config, changed, out).Write();
  out << YAML::EndMap << YAML::EndMap;
  return out.c_str();
}

}  // namespace

std::string ToYaml(const PoolConfigs& configs) { return WriteAll(configs, {}); }

std::string ToYaml(const PoolConfig& config, const std::set<std::string>& changed) {
  return WriteAll({{config.name, config}}, changed);
}

}  // namespace sluice

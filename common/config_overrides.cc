#include "common/config_overrides.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "common/bytes.h"
#include "common/suggest.h"
#include "common/yaml.h"

namespace sluice {
namespace {

// What may be changed beside the plugin. Users, directories, ports and who runs the daemon are its own to decide: it
// makes, confines and watches the daemon accordingly.
constexpr std::string_view kMedia[] = {"dram", "ssd", "hdd"};
constexpr std::string_view kTierKeys[] = {"quota", "highWatermark", "lowWatermark"};
constexpr std::string_view kKeys[] = {"policy",
                                      "epochs",
                                      "io",
                                      "limits.fillMemory",
                                      "limits.fetches",
                                      "limits.fetchSize",
                                      "limits.readAhead",
                                      "limits.pushMemory",
                                      "limits.openFiles",
                                      "limits.sessionThreads",
                                      "source.deadline",
                                      "scrub.rate",
                                      "scrub.every",
                                      "logLevel"};
constexpr std::string_view kTiers = "tiers.";

bool MayBeChanged(std::string_view key) {
  if (!key.starts_with(kTiers)) return std::ranges::find(kKeys, key) != std::end(kKeys);
  key.remove_prefix(kTiers.size());
  const size_t dot = std::min(key.find('.'), key.size() - 1);
  return std::ranges::find(kMedia, key.substr(0, dot)) != std::end(kMedia) &&
         std::ranges::find(kTierKeys, key.substr(dot + 1)) != std::end(kTierKeys);
}

// Visits what has no keys below it, as "limits.fetches"; of a tier as "tiers.ssd.quota".
class Leaves {
 public:
  using Take = std::function<Status(const std::string& key, const YAML::Node& value)>;
  explicit Leaves(Take take) : take_(std::move(take)) {}

  Status Visit(const YAML::Node& node, const std::string& key) {
    // An alias may stand for the same part again and again.
    if (++visited_ > kVisitedMax) return InvalidArgument("a change of more than {} keys is none", kVisitedMax);
    if (key == "tiers" && node.IsSequence() && node.size() > 0) return VisitTiers(node);
    if (!node.IsMap() || node.size() == 0) return key.empty() ? absl::OkStatus() : take_(key, node);
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return InvalidArgument("a key of '{}' is no text", key);
      RETURN_IF_ERROR(Visit(entry.second, key.empty() ? entry.first.Scalar() : key + "." + entry.first.Scalar()));
    }
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kVisitedMax = 256;

  Status VisitTiers(const YAML::Node& tiers) {
    for (const YAML::Node& tier : tiers) {
      if (!tier.IsMap()) return InvalidArgument("a tier that is no mapping");
      const YAML::Node medium = tier["medium"];
      if (!medium.IsDefined() || !medium.IsScalar()) return InvalidArgument("a tier without a medium");
      for (const auto& entry : tier) {
        if (!entry.first.IsScalar()) return InvalidArgument("a key of a tier is no text");
        if (entry.first.Scalar() == "medium") continue;
        RETURN_IF_ERROR(Visit(entry.second, fmt::format("tiers.{}.{}", medium.Scalar(), entry.first.Scalar())));
      }
    }
    return absl::OkStatus();
  }

  const Take take_;
  size_t visited_ = 0;
};

Status CheckSize(const std::string& yaml, const std::string& name) {
  if (yaml.size() <= ConfigOverrides::kTextBytesMax) return absl::OkStatus();
  return InvalidArgument("{}: {} bytes are no part of a configuration; at most {}", name, yaml.size(),
                         ConfigOverrides::kTextBytesMax);
}

Status IsPlugins(const std::string& key) {
  return FailedPrecondition(
      "'{}' is for the plugin to decide: change its configuration file, and apply it with 'sluice upgrade'", key);
}

}  // namespace

StatusOr<ConfigOverrides> ConfigOverrides::Parse(const std::string& yaml, const PoolConfig& base,
                                                 const std::string& name) {
  RETURN_IF_ERROR(CheckSize(yaml, name));
  // With the file's own reader and its messages.
  const auto changed = ChangePool(base, yaml, name);
  if (changed.status().code() == StatusCode::kFailedPrecondition) {
    return FailedPrecondition("{}: {}; which tiers there are is for the plugin to decide", name,
                              Message(changed.status()));
  }
  RETURN_IF_ERROR(changed.status());
  return Read(yaml, name);
}

StatusOr<ConfigOverrides> ConfigOverrides::Read(const std::string& yaml, const std::string& name) {
  RETURN_IF_ERROR(CheckSize(yaml, name));
  ASSIGN_OR_RETURN(const YAML::Node root, ParseYaml(yaml, name));
  std::map<std::string, std::string> values;
  Leaves leaves([&](const std::string& key, const YAML::Node& value) -> Status {
    if (!MayBeChanged(key)) return IsPlugins(key);
    if (!value.IsScalar()) return InvalidArgument("{}: '{}' has no text", name, key);
    values[key] = value.Scalar();
    return absl::OkStatus();
  });
  if (!root.IsMap() && !root.IsNull()) return InvalidArgument("{}: a mapping (key: value) is expected", name);
  RETURN_IF_ERROR(leaves.Visit(root, ""));
  return ConfigOverrides(std::move(values));
}

StatusOr<ConfigOverrides> ConfigOverrides::Of(std::map<std::string, std::string> values) {
  std::string before;
  for (const auto& [key, value] : values) {
    const std::string dotted = "." + key + ".";
    const bool is_below = !before.empty() && key.starts_with(before + ".");
    if (dotted.find("..") != std::string::npos || is_below) return InvalidArgument("'{}' is no key", key);
    before = key;
  }
  return ConfigOverrides(std::move(values));
}

void ConfigOverrides::Add(const ConfigOverrides& more) {
  for (const auto& [key, value] : more.values_) values_[key] = value;
}

Status ConfigOverrides::Remove(const std::string& key) {
  const auto is_meant = [&](const auto& entry) {
    return key == "*" || entry.first == key || entry.first.starts_with(key + ".");
  };
  if (std::erase_if(values_, is_meant) > 0 || key == "*") return absl::OkStatus();
  std::vector<std::string_view> names;
  for (const auto& [name, value] : values_) names.push_back(name);
  return NotFound("'{}' is not set with 'sluice config set'{}", key, DidYouMean(key, names));
}

StatusOr<PoolConfig> ConfigOverrides::ApplyTo(const PoolConfig& base) const {
  return ChangePool(base, ToYaml(), "what is set");
}

std::vector<std::string> ConfigOverrides::DropWhatDoesNotFit(const PoolConfig& base, const Check& check) {
  const auto fits = [&](const ConfigOverrides& overrides) -> Status {
    ASSIGN_OR_RETURN(const PoolConfig config, overrides.ApplyTo(base));
    return check(config);
  };
  if (fits(*this).ok()) return {};
  // One after the other, and again those that did not go before the others: a watermark may need the other one.
  ConfigOverrides kept;
  std::map<std::string, Status> why;
  size_t left = 0;
  do {
    left = values_.size();
    for (const auto& [key, value] : std::map(values_)) {
      ConfigOverrides more = kept;
      more.values_[key] = value;
      why[key] = fits(more);
      if (!why[key].ok()) continue;
      kept = std::move(more);
      values_.erase(key);
    }
  } while (values_.size() < left);
  std::vector<std::string> dropped;
  for (const auto& [key, value] : values_) {
    dropped.push_back(fmt::format("'{}: {}' is not in force any more: {}", key, value, Message(why[key])));
  }
  *this = std::move(kept);
  return dropped;
}

std::set<std::string> ConfigOverrides::keys() const {
  std::set<std::string> keys;
  for (const auto& [key, value] : values_) keys.insert(key);
  return keys;
}

std::string ConfigOverrides::ToYaml() const {
  YAML::Node root(YAML::NodeType::Map);
  std::map<std::string, YAML::Node> tiers;
  for (const auto& [key, value] : values_) {
    std::string_view rest = key;
    YAML::Node at = root;
    if (rest.starts_with(kTiers)) {
      rest.remove_prefix(kTiers.size());
      const std::string medium(rest.substr(0, rest.find('.')));
      rest.remove_prefix(std::min(rest.size(), medium.size() + 1));
      YAML::Node& tier = tiers.try_emplace(medium, YAML::NodeType::Map).first->second;
      tier["medium"] = medium;
      at.reset(tier);
    }
    for (size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      at.reset(at[std::string(rest.substr(0, dot))]);
      rest.remove_prefix(dot + 1);
    }
    at[std::string(rest)] = value;
  }
  for (const auto& [medium, tier] : tiers) root["tiers"].push_back(tier);
  YAML::Emitter out;
  out << root;
  return out.c_str();
}

}  // namespace sluice

// What an administrator has changed of a pool's configuration while its daemon runs, over what the plugin's file says.
//
// Values are held as their keys' text: "tiers.ssd.quota" is "300GiB". As YAML they look as they would below the pool in
// the file (docs/configuration.md), with a tier's medium to find it by.
//
// Threads:  not thread-safe.
// Limits:   kTextBytesMax of YAML; there are as many values as keys that may be changed so (23).
// Errors:   INVALID_ARGUMENT for what no configuration could say; FAILED_PRECONDITION for what only the plugin decides.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/pool_config.h"

namespace sluice {

class ConfigOverrides {
 public:
  static constexpr size_t kTextBytesMax = 64 << 10;

  ConfigOverrides() = default;  // none
  // Part of the configuration of `base`. `name` is what errors call the text.
  static StatusOr<ConfigOverrides> Parse(const std::string& yaml, const PoolConfig& base, const std::string& name);
  // The same of what ToYaml has written, whether it goes with any base or not. An error for anything that Parse does
  // not take: who can write the file must not get at what the plugin decides.
  static StatusOr<ConfigOverrides> Read(const std::string& yaml, const std::string& name);
  // From keys and texts: for who sends their YAML to a daemon, which says whether there are such.
  static StatusOr<ConfigOverrides> Of(std::map<std::string, std::string> values);

  // `more` wins.
  void Add(const ConfigOverrides& more);
  // Takes back a key, all below it ("tiers", "tiers.ssd"), or all ("*"). Error: NOT_FOUND with the nearest one.
  Status Remove(const std::string& key);

  // `base` with all of them.
  StatusOr<PoolConfig> ApplyTo(const PoolConfig& base) const;
  using Check = std::function<Status(const PoolConfig&)>;
  // Takes back what does not go with `base`, or what `check` has something against, and says why of each.
  std::vector<std::string> DropWhatDoesNotFit(const PoolConfig& base, const Check& check);

  bool empty() const { return values_.empty(); }
  std::set<std::string> keys() const;
  std::string ToYaml() const;

 private:
  explicit ConfigOverrides(std::map<std::string, std::string> values) : values_(std::move(values)) {}
  std::map<std::string, std::string> values_;
};

}  // namespace sluice

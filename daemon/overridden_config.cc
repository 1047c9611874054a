#include "daemon/overridden_config.h"

#include <spdlog/spdlog.h>

#include "common/memory_limit.h"
#include "common/whole_file.h"
#include "daemon/cache_options.h"

namespace sluice::daemon {

OverriddenConfig::OverriddenConfig(PoolConfigs pools, const std::string& pool, std::string file, uint64_t memory_bytes)
    : pools_(std::move(pools)), pool_(pool), file_(std::move(file)), memory_bytes_(memory_bytes), in_force_(base()) {}

OverriddenConfig OverriddenConfig::Load(PoolConfigs pools, const std::string& pool, std::string file,
                                        uint64_t memory_bytes) {
  OverriddenConfig config(std::move(pools), pool, std::move(file), memory_bytes);
  if (auto saved = config.ReadSaved(); saved.ok()) {
    config.overrides_ = *std::move(saved);
    config.dropped_ = config.overrides_.DropWhatDoesNotFit(config.base(), CheckQuotas);
  } else if (saved.status().code() != StatusCode::kNotFound) {
    config.dropped_.push_back(
        fmt::format("nothing is in force of what was set, in {}: {}", config.file_, Message(saved.status())));
  }
  if (const Status status = config.PutInForce(); !status.ok()) config.dropped_.emplace_back(Message(status));
  for (const std::string& note : config.notes()) spdlog::warn("{}", note);
  return config;
}

StatusOr<ConfigOverrides> OverriddenConfig::ReadSaved() const {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(file_, ConfigOverrides::kTextBytesMax));
  return ConfigOverrides::Read(text, file_);
}

Status OverriddenConfig::PutInForce() {
  ASSIGN_OR_RETURN(in_force_, overrides_.ApplyTo(base()));
  PoolConfigs all = pools_;
  all[pool_] = in_force_;
  lowered_ = FitMemory(all, memory_bytes_, &in_force_);
  return absl::OkStatus();
}

StatusOr<OverriddenConfig> OverriddenConfig::Changed(const std::vector<std::string>& unset,
                                                     const std::string& yaml) const {
  OverriddenConfig next = *this;
  for (const std::string& key : unset) RETURN_IF_ERROR(next.overrides_.Remove(key));
  ASSIGN_OR_RETURN(const PoolConfig before, next.overrides_.ApplyTo(base()));
  ASSIGN_OR_RETURN(const ConfigOverrides more, ConfigOverrides::Parse(yaml, before, "the change"));
  next.overrides_.Add(more);
  next.dropped_.clear();
  RETURN_IF_ERROR(next.PutInForce());
  RETURN_IF_ERROR(CheckQuotas(next.in_force_));
  return next;
}

Status OverriddenConfig::Save() const {
  return WriteWholeFile(file_, overrides_.ToYaml() + "\n", Outlasts::kPowerLoss);
}

std::vector<std::string> OverriddenConfig::notes() const {
  std::vector<std::string> notes = dropped_;
  if (!lowered_.empty()) {
    notes.push_back(fmt::format("{} of memory, by a control group or the machine, is less than configured: {}",
                                FormatBytes(memory_bytes_), lowered_));
  }
  return notes;
}

}  // namespace sluice::daemon

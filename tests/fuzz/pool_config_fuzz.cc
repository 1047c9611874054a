// The configuration file: YAML.
//
// Properties: all numbers are within their limits and the tiers of different media; what is shown of a configuration
// (ToYaml) is read back as the same; an error names the file. The same text as a change of a running daemon
// (ConfigOverrides): what is taken leaves alone what the plugin decides, and is read back as the same.
#include <fstream>

#include "common/config_overrides.h"
#include "common/pool_config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using fuzz::Expect;

StatusOr<PoolConfigs> Load(const TempDir& directory, std::string_view yaml) {
  const std::string file = directory / "config.yaml";
  std::ofstream(file, std::ios::trunc) << yaml;
  return LoadPoolConfigs(file, directory.path());
}

void Check(const PoolConfig& pool) {
  Expect(pool.uid >= 1 && pool.uid <= 0xfffffffe && pool.gid >= 1 && pool.gid <= 0xfffffffe, "users are numbers");
  Expect(pool.fetches_max >= 1 && pool.fetches_max <= 1024, "fetches");
  Expect(pool.open_files_max >= 64 && pool.open_files_max <= 1 << 20, "openFiles");
  Expect(pool.session_threads >= 1 && pool.session_threads <= 64, "sessionThreads");
  Expect(pool.source_deadline >= Duration(0), "deadline");
  Expect(!pool.tiers.empty() && pool.tiers.size() <= 3, "one tier of a medium");
  for (const TierConfig& tier : pool.tiers) {
    Expect(tier.quota_bytes >= 8 * kMiB, "quota");
    Expect(tier.low_watermark > 0 && tier.low_watermark < tier.high_watermark && tier.high_watermark <= 1,
           "watermarks");
    Expect(!tier.path.empty(), "a tier has a path");
  }
}

void CheckChange(const std::string& yaml) {
  PoolConfig base;
  base.tiers = {{.medium = "dram", .path = "/d", .quota_bytes = 64 * kMiB},
                {.medium = "ssd", .path = "/s", .quota_bytes = 1 * kGiB}};
  const auto overrides = ConfigOverrides::Parse(yaml, base, "change");
  if (overrides.ok()) {
    const auto changed = overrides->ApplyTo(base);
    Expect(changed.ok(), "what is taken can be applied");
    Check(*changed);
    Expect(changed->uid == base.uid && changed->gid == base.gid && changed->attached == base.attached, "users stay");
    Expect(changed->source_directories == base.source_directories && changed->ca_file.empty(), "nothing more is read");
    Expect(changed->metrics_listen.empty() && changed->answer_deadline == base.answer_deadline, "nor listened at");
    Expect(changed->tiers.size() == 2 && changed->tiers[0].path == "/d" && changed->tiers[1].path == "/s",
           "nor written");
  }
  auto read = ConfigOverrides::Read(yaml, "file");
  Expect(read.ok() || !overrides.ok(), "what is taken can be read");
  if (!read.ok()) return;
  const auto again = ConfigOverrides::Read(read->ToYaml(), "file");
  Expect(again.ok() && again->ToYaml() == read->ToYaml(), "and written, and read again");
  read->DropWhatDoesNotFit(base, [](const PoolConfig&) { return absl::OkStatus(); });
  Expect(read->ApplyTo(base).ok(), "what is left fits");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  using fuzz::Expect;
  static const TempDir directory("/dev/shm");
  CheckChange(std::string(fuzz::TextOf(data, size)));
  const auto pools = Load(directory, fuzz::TextOf(data, size));
  if (!pools.ok()) {
    Expect(pools.status().code() == StatusCode::kInvalidArgument, "a mistake is INVALID_ARGUMENT");
    Expect(Message(pools.status()).find("config.yaml") != std::string_view::npos, "an error names the file");
    return 0;
  }
  Expect(!pools->empty(), "there is a pool");
  for (const auto& [name, pool] : *pools) {
    Check(pool);
    const std::string shown = ToYaml(pool);
    const auto again = Load(directory, shown);
    Expect(again.ok() && again->size() == 1 && again->contains(name), "what is shown can be read");
    const PoolConfig& read = again->at(name);
    Expect(ToYaml(read) == shown, "and is shown again as the same");
    const Duration other = read.source_deadline - pool.source_deadline;
    Expect(std::chrono::abs(other) < std::chrono::milliseconds(1), "a deadline is the same");
    for (size_t i = 0; i < pool.tiers.size(); ++i) {
      Expect(read.tiers.at(i).path == pool.tiers[i].path, "a path is the same");
      Expect(read.tiers.at(i).high_watermark == pool.tiers[i].high_watermark, "a watermark is the same");
    }
  }
  return 0;
}

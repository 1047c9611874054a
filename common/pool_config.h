// The configuration file: what the plugin and the daemons of its pools are told. YAML; docs/configuration.md.
//
//   pools:
//     default:
//       tiers:
//         - {medium: ssd, path: /var/cache/sluice, quota: 200GiB}
//
// Both programs read the same file: the plugin for the pools' users and the DRAM tier that it mounts, a daemon for
// its own pool. Without a file there is one pool "default" with a DRAM tier of an eighth of the memory and an SSD tier
// below the state directory of half its file system.
//
// Threads:  pure functions over files.
// Errors:   INVALID_ARGUMENT with file, line, key and what is expected.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/status.h"

namespace sluice {

struct TierConfig {
  std::string medium;  // dram, ssd, hdd
  std::string path;    // empty: POOL_DIRECTORY/MEDIUM
  uint64_t quota_bytes = 0;
  double high_watermark = 0.95;
  double low_watermark = 0.90;
  bool operator==(const TierConfig&) const = default;
};

// Whose pods may have the pool's directories: those of a service account. Empty: nobody's.
struct AttachedConfig {
  std::string pod_namespace;
  std::string service_account;
  bool operator==(const AttachedConfig&) const = default;
};

struct PoolConfig {
  // The user the daemon runs as: of its own, not "nobody", so that no other program shares its rights.
  static constexpr uid_t kUidDefault = 60480;

  std::string name = "default";
  uint64_t uid = kUidDefault;
  uint64_t gid = kUidDefault;  // also of the admin socket
  // The daemon is started by somebody else than the plugin, in a pod of its own.
  std::optional<AttachedConfig> attached;
  std::vector<TierConfig> tiers;
  std::string policy = "s3-fifo";
  std::string epochs = "auto";  // auto, declared
  std::string io = "auto";      // auto, io_uring, threads

  uint64_t fill_memory_bytes = 256 * kMiB;
  uint64_t fetches_max = 64;
  uint64_t fetch_bytes_max = 8 * kMiB;
  uint64_t read_ahead_bytes_max = 32 * kMiB;
  uint64_t push_memory_bytes = 1 * kGiB;
  uint64_t open_files_max = 16384;
  uint64_t session_threads = 2;

  std::string ca_file;
  std::vector<std::string> source_directories = {"/"};  // what file:// may show, as far as the user may read it
  Duration source_deadline = std::chrono::seconds(30);

  uint64_t scrub_bytes_per_second = 8 * kMiB;  // 0: never
  Duration scrub_every = std::chrono::hours(24);

  // A daemon that answers nothing for so long is killed and started again; 0: never.
  Duration answer_deadline = std::chrono::seconds(60);

  std::string metrics_listen;  // "127.0.0.1:9810"; empty: none
  std::string log_level = "info";
};

using PoolConfigs = std::map<std::string, PoolConfig>;

// `file` may be empty: the defaults. `state_directory` is where pools without paths put their tiers.
StatusOr<PoolConfigs> LoadPoolConfigs(const std::string& file, const std::string& state_directory);

// `pool` with what `yaml` says of it: keys as they stand below a pool in the file, a tier found by its medium. `name`
// is what errors call the text. Error: FAILED_PRECONDITION, too, for a tier that the pool does not have.
StatusOr<PoolConfig> ChangePool(const PoolConfig& pool, const std::string& yaml, const std::string& name);

// STATE_DIRECTORY/pools/NAME.
std::string PoolDirectory(const std::string& state_directory, const std::string& pool);

// INVALID_ARGUMENT when no pool can be called so.
Status CheckPoolName(const std::string& name);

// STATE_DIRECTORY/config: what the plugin tells each daemon is NAME.yaml there.
std::string PoolConfigDirectory(const std::string& state_directory);

// The configuration as YAML, defaults filled in. `changed` are keys such as "tiers.ssd.quota": a comment marks them.
std::string ToYaml(const PoolConfig& config, const std::set<std::string>& changed = {});
std::string ToYaml(const PoolConfigs& configs);

}  // namespace sluice

// The commands, each a function that does its work and returns an ExitCode.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/client.h"

namespace sluice::cli {

int ShowMounts(const Globals& globals);
// `watch`: again every second until interrupted, with the differences as rates.
int ShowStats(const Globals& globals, bool watch);
int ShowStatus(const Globals& globals);
int ShowMetrics(const Globals& globals);

struct ConfigFlags {
  std::vector<std::string> arguments;  // "KEY=VALUE", or keys
  bool dry_run = false;
  bool restart = false;
};
int ShowConfig(const Globals& globals);
int SetConfig(const Globals& globals, const ConfigFlags& flags);
int UnsetConfig(const Globals& globals, const ConfigFlags& flags);

struct VolumeFlags {
  std::string volume;
  std::vector<std::string> parameters;  // "KEY=VALUE"
};
int SetVolume(const Globals& globals, const VolumeFlags& flags);
int ResetVolume(const Globals& globals, const VolumeFlags& flags);

struct PrewarmFlags {
  std::string dataset;
  std::vector<std::string> patterns;
  std::string from_file;  // patterns, one a line; "-" is stdin
  std::string tier;
  std::string limit;  // "200MiB/s"
  uint32_t concurrency = 0;
  bool publish_native = false;
  std::string id;
  bool metadata_only = false;
  bool refresh = false;
  bool wait = false;
};
int Prewarm(const Globals& globals, const PrewarmFlags& flags);
int ShowJobs(const Globals& globals);
int WatchJob(const Globals& globals, const std::string& id);
int CancelJob(const Globals& globals, const std::string& id);
int ForgetJob(const Globals& globals, const std::string& id);
int LimitJob(const Globals& globals, const std::string& id, const std::string& limit);

int Throttle(const Globals& globals, const std::string& dataset, const std::string& read, uint64_t requests);

// Writes a line for each block that is read, until `seconds` are over or there are `accesses_max`.
int RecordTrace(const Globals& globals, double seconds, uint64_t accesses_max);

enum class FilesAction { kEvict, kPin, kUnpin, kVerify };
int Files(const Globals& globals, FilesAction action, const std::string& dataset,
          const std::vector<std::string>& patterns);

struct MountFlags {
  std::string csi_socket = kCsiSocket;
  std::string source;
  std::string directory;
  std::string name;
  std::vector<std::string> parameters;  // "key=value"
  std::string secret_file;              // YAML with accessKeyId, …; readable by its owner only
};
// For machines without Kubernetes: stages and publishes through the plugin's CSI socket.
int Mount(const Globals& globals, const MountFlags& flags);
int Unmount(const Globals& globals, const MountFlags& flags);

struct UpgradeFlags {
  std::string csi_socket = kCsiSocket;
  std::string pool = "default";
  std::string program;  // empty: the plugin's own
  double deadline_seconds = 60;
};
// Replaces the pool's daemon while its volumes are in use.
int Upgrade(const Globals& globals, const UpgradeFlags& flags);

}  // namespace sluice::cli

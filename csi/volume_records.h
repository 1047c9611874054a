// The volumes that CreateVolume made, one JSON file each below STATE_DIRECTORY/volumes. They hold no secrets.
//
// Threads:   thread-safe; one mutex.
// Limits:    as many as files fit.
// Errors:    ALREADY_EXISTS when a volume of that name differs; UNAVAILABLE when the directory cannot be written.
// Format:    docs/on-disk-format.md, "Volumes".
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "common/status.h"

namespace sluice::csi {

struct VolumeRecord {
  std::string id;
  uint64_t capacity_bytes = 0;
  std::map<std::string, std::string> parameters;
  bool operator==(const VolumeRecord&) const = default;
};

class VolumeRecords {
 public:
  static StatusOr<std::unique_ptr<VolumeRecords>> Open(const std::string& directory);

  Status Create(const VolumeRecord& record);
  Status Delete(const std::string& id);  // what is not there is no error
  std::optional<VolumeRecord> Find(const std::string& id) const;
  // By id.
  std::map<std::string, VolumeRecord> All() const;

 private:
  explicit VolumeRecords(std::string directory) : directory_(std::move(directory)) {}
  std::string FileOf(const std::string& id) const;

  const std::string directory_;
  mutable std::mutex mutex_;
  std::map<std::string, VolumeRecord> records_;
};

}  // namespace sluice::csi

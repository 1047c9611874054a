// The volumes of one pool that are staged, on disk: a plugin that begins knows from them what the one before it had
// mounted. One JSON file each below STATE_DIRECTORY/staged/POOL. They hold no secrets.
//
// Threads:   one at a time.
// Errors:    UNAVAILABLE when the directory cannot be written. A file that cannot be read is left alone, and logged.
// Format:    docs/on-disk-format.md, "Staged volumes".
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/status.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

class StagedVolumes {
 public:
  static StatusOr<std::unique_ptr<StagedVolumes>> Open(const std::string& directory);

  Status Put(broker::v1::VolumeSpec volume, const std::string& staging_path);
  Status Remove(const std::string& volume_id);  // what is not there is no error
  // Null when it is not there.
  const broker::v1::StagedVolume* Find(const std::string& volume_id) const;

 private:
  explicit StagedVolumes(std::string directory) : directory_(std::move(directory)) {}
  std::string FileOf(const std::string& volume_id) const;

  const std::string directory_;
  std::map<std::string, broker::v1::StagedVolume> volumes_;  // by id
};

}  // namespace sluice::csi

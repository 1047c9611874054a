// The volumes of one pool that are staged: a plugin that begins knows from them what the one before it had mounted, and
// where.
//
// One JSON file each below `directory`, without secrets. Credentials are in files of their own in `secrets_directory`,
// which only root may read, and only if that is a tmpfs, so that they are in memory alone: without them a volume can be
// mounted anew only by who knows them.
//
// Threads:   one at a time.
// Errors:    UNAVAILABLE when a directory cannot be written. A file that cannot be read is left alone, and logged.
// Format:    docs/on-disk-format.md, "Staged volumes".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/status.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

class StagedVolumes {
 public:
  static StatusOr<std::unique_ptr<StagedVolumes>> Open(const std::string& directory,
                                                       const std::string& secrets_directory);

  // Where it was published stays known when it was staged before.
  Status Put(const broker::v1::VolumeSpec& volume, const std::string& staging_path);
  // In the place of those it had, if credentials are kept. Nothing happens when the volume is not there.
  Status PutCredentials(const std::string& volume_id, const broker::v1::Credentials& credentials);
  Status Remove(const std::string& volume_id);  // what is not there is no error
  // Nothing happens when the volume is not there.
  Status AddPublished(const std::string& volume_id, const broker::v1::PublishedPath& published);
  Status RemovePublished(const std::string& volume_id, const std::string& path);

  // Null when it is not there.
  const broker::v1::StagedVolume* Find(const std::string& volume_id) const;
  // NOT_FOUND when the volume had some and they are not kept.
  StatusOr<broker::v1::Credentials> CredentialsOf(const std::string& volume_id) const;
  std::vector<std::string> Ids() const;

 private:
  StagedVolumes(std::string directory, std::string secrets_directory)
      : directory_(std::move(directory)), secrets_directory_(std::move(secrets_directory)) {}
  Status Write(const broker::v1::StagedVolume& staged) const;

  const std::string directory_;
  const std::string secrets_directory_;                      // empty: credentials are not kept
  std::map<std::string, broker::v1::StagedVolume> volumes_;  // by id
};

}  // namespace sluice::csi

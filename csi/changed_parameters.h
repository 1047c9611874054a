// The volumes of one pool that were given other parameters than those that the plugin is told when they are staged: an
// operator's VolumeParameters, what an administrator set. They hold at every mount until they are taken back.
//
// One JSON file each below `directory`, without secrets.
//
// Threads:   one at a time.
// Limits:    kVolumesMax, unless another is given; beyond it the one that was changed longest ago is forgotten.
// Errors:    UNAVAILABLE when the directory cannot be written. A file that cannot be read is left alone, and logged.
// Format:    docs/on-disk-format.md, "Changed parameters".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/status.h"
#include "csi/volume_parameters.h"
#include "proto/broker.pb.h"

namespace sluice::csi {

class ChangedParameters {
 public:
  static constexpr size_t kVolumesMax = 50'000;

  static StatusOr<std::unique_ptr<ChangedParameters>> Open(const std::string& directory,
                                                           size_t volumes_max = kVolumesMax);

  // All of the volume's parameters; none: they are taken back.
  Status Put(const std::string& volume_id, const StringMap& parameters);
  // Empty when they were not changed.
  StringMap Find(const std::string& volume_id) const;
  std::vector<std::string> Ids() const;

 private:
  ChangedParameters(std::string directory, size_t volumes_max)
      : directory_(std::move(directory)), volumes_max_(volumes_max) {}
  Status Remove(const std::string& volume_id);
  Status ForgetOldest();

  const std::string directory_;
  const size_t volumes_max_;
  uint64_t next_number_ = 1;
  std::map<std::string, broker::v1::ChangedParameters> volumes_;  // by id
};

}  // namespace sluice::csi

// One tier: a directory of cache files on one medium, with a quota and an eviction policy.
//
// An object's blocks in this tier live in one sparse file, DIRECTORY/objects/XX/HEX, at the offsets they have in the
// object. A tier that fails (I/O error, read-only) is taken out of service: nothing is read from it or written to it
// until the daemon starts again, and reads go on from other tiers and the source. One whose file system is full
// although its quota is not makes do with nine tenths of what it has.
//
// Threads:   loop-confined, after Open.
// Owns:      its directory descriptor and its policy.
// Limits:    the quota and the watermarks (cache/space.h), in bytes rounded up to 4 KiB per block.
// Errors:    Open: NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION (read-only), INVALID_ARGUMENT (a quota larger than
//            the file system).
// Format:    docs/on-disk-format.md, "Tiers".
#pragma once

#include <memory>
#include <string>

#include "cache/object.h"
#include "cache/policy.h"
#include "cache/space.h"
#include "common/metrics.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::cache {

// "dram", "ssd", "hdd". Error: INVALID_ARGUMENT with the nearest one.
StatusOr<Medium> ParseMedium(std::string_view name);

struct TierOptions {
  Medium medium = Medium::kSsd;
  std::string path;
  uint64_t quota_bytes = 0;
  double high_watermark = 0.95;
  double low_watermark = 0.90;
  std::string policy = "s3-fifo";
  Epochs epochs = Epochs::kRecognised;
};

// INVALID_ARGUMENT for a quota that is larger than the path's file system; what the kernel says of the path.
Status CheckQuota(const TierOptions& options);

class Tier : public Space {
 public:
  static StatusOr<std::unique_ptr<Tier>> Open(TierOptions options, Registry& metrics);

  const TierOptions& options() const { return options_; }
  uint8_t index() const { return static_cast<uint8_t>(options_.medium); }
  std::string_view name() const { return kMediumNames[index()]; }
  int directory_fd() const { return directory_.get(); }
  // Whether its policy takes in a block of `bytes` that was just fetched; `has_room`: none has to leave for it.
  bool Admit(const BlockKey& key, uint64_t bytes, bool has_room);
  // Another one of its kind, for a part of it.
  std::unique_ptr<Policy> MakePolicy(uint64_t capacity_bytes) const;

  // The file of an object, relative to directory_fd().
  static std::string FileName(const ObjectId& id);
  // What a block takes on the medium.
  static uint64_t Footprint(uint32_t length_bytes) { return (uint64_t{length_bytes} + 4095) / 4096 * 4096; }

  void Charge(int64_t bytes);

  // Live changes (tier_changes.cc). The store sees to it that what is beyond leaves, and that blocks are handed over.
  // REQUIRES: CheckQuota, and a low watermark below the high one. A quota that was lowered for want of space is this
  // one again.
  void ChangeQuota(uint64_t quota_bytes, Watermarks watermarks);
  // Error: INVALID_ARGUMENT for an unknown name. False: it has that policy.
  StatusOr<bool> ChangePolicy(const std::string& name, Epochs epochs);

  // Whether its files can be sealed.
  void OnSealProbe(const Status& probe);
  bool seals() const { return seals_; }

  // What came of an operation. A failure takes the tier out of service when it is one of the medium's, lowers the quota
  // when it is full.
  void ReportFailure(const Status& status);
  bool in_service() const { return failure_.ok(); }
  const Status& failure() const { return failure_; }

  Counter& hits;
  Counter& hit_bytes;
  Counter& evictions;
  Counter& moves_in;
  Counter& written_bytes;
  Counter& bad_blocks;
  Counter& changed_files;
  Counter& refused_blocks;

 private:
  Tier(TierOptions options, UniqueFd directory, std::unique_ptr<Policy> policy, Registry& metrics);

  TierOptions options_;
  UniqueFd directory_;
  Status failure_;
  bool seals_ = false;
  Gauge& used_gauge_;
  Gauge& in_service_gauge_;
  Gauge& quota_gauge_;
  Gauge& keeps_gauge_;
  Gauge& seals_gauge_;
};

}  // namespace sluice::cache

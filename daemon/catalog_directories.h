// Where the volumes' catalogs are, and which of them the next mount may begin with.
//
// The names that a volume has listed are kept when it is unmounted, for the next mount of the same volume and source:
// it does not list again what is immutable, or not older than its TTL. Under `strong` nothing is kept.
//
//   DIRECTORY/HEX/{nodes,names}  the catalog
//   DIRECTORY/HEX/state          "saved": written to disk; else the id of the machine's boot in which it was begun:
//                                up to the next one what was stored in the mapped files is there, whoever died
//   DIRECTORY/HEX/mounts         what the names are of (MountsFingerprint); other mounts have other names
//
// Threads:   one at a time per volume.
// Limits:    kSavedMax catalogs besides those in use; the one that was unmounted longest ago goes first.
#pragma once

#include <string>

#include "cache/catalog.h"
#include "common/status.h"
#include "proto/broker.pb.h"

namespace sluice::daemon {

class CatalogDirectories {
 public:
  static constexpr size_t kSavedMax = 256;

  explicit CatalogDirectories(std::string directory) : directory_(std::move(directory)) {}

  struct Begun {
    std::string path;
    cache::Catalog::Keep keep = cache::Catalog::Keep::kNothing;
    bool is_outdated = false;  // on resume: its names are those of other mounts
  };
  // For a mount; `resume`: an earlier daemon served it.
  StatusOr<Begun> Begin(const broker::v1::VolumeSpec& spec, bool resume) const;
  // After an orderly unmount, when the catalog has been closed.
  void End(const broker::v1::VolumeSpec& spec, const Status& synced) const;
  // From now on its names are of these mounts: a change of a mounted volume, when the names of others are gone.
  void SetMounts(const broker::v1::VolumeSpec& spec) const;

 private:
  std::string PathOf(const broker::v1::VolumeSpec& spec) const;
  void ForgetOldest() const;

  const std::string directory_;
};

}  // namespace sluice::daemon

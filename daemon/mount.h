// One volume that this daemon serves: what it is, what it shows, its names and its FUSE session.
//
// Threads:   thread-safe, in so far as its parts are.
// Owns:      all of them.
// Invariants:  dataset and session are there from Mounts::Add on, and until the last share of the mount is gone.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "cache/dataset.h"
#include "cache/published_trees.h"
#include "daemon/contents.h"
#include "fuse/session.h"
#include "proto/broker.pb.h"

namespace sluice::daemon {

class Mount {
 public:
  using Spec = std::shared_ptr<const broker::v1::VolumeSpec>;  // without credentials

  Mount(const broker::v1::VolumeSpec& spec, std::shared_ptr<Contents> contents);

  const std::string& volume_id() const { return volume_id_; }
  // As it is now. A copy stays as it is.
  Spec spec() const;
  std::shared_ptr<Contents> contents() const;
  // The same with credentials, for who goes on with the mount.
  broker::v1::VolumeSpec SpecWithCredentials() const;

  // It is this from now on; `contents` null: it shows what it did. On the loop.
  void Become(const broker::v1::VolumeSpec& spec, std::shared_ptr<Contents> contents);

  // What the dataset reads from.
  const std::shared_ptr<source::JoinedSource>& source() const { return source_; }

  std::string fuse_init;
  std::unique_ptr<cache::Dataset> dataset;
  std::unique_ptr<fuse::Session> session;
  std::atomic<bool> closing{false};  // jobs on it are to stop

 private:
  const std::string volume_id_;
  const std::shared_ptr<source::JoinedSource> source_;
  mutable std::mutex mutex_;
  Spec spec_;                           // GUARDED_BY mutex_
  std::shared_ptr<Contents> contents_;  // GUARDED_BY mutex_
};

// The tree in which the volume's files can be published natively.
cache::TreeOptions TreeOptionsOf(const broker::v1::VolumeSpec& spec);

}  // namespace sluice::daemon

// The volumes that this daemon serves.
//
// Threads:   Add, Remove and Renew from any thread but the loop, for which they wait; Find, All and Failures from any.
// Owns:      each mount's dataset and session, and its catalog's directory.
// Limits:    kMountsMax mounts.
// Errors:    Add: the source's (it is asked whether it exists, unless the volume was mounted before), and the
// session's.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/catalog_directories.h"
#include "daemon/failed_mounts.h"
#include "daemon/mount.h"
#include "source/open_source.h"

namespace sluice::daemon {

struct MountContext {
  std::string catalogs_directory;
  cache::Cache& cache;
  io::Loop& loop;
  const source::SourceContext& sources;
  source::RetryOptions retry;
  cache::ReadLimits& node_limits;
  Counter& throttled_ns;
  fuse::SessionMetrics& session_metrics;
  fuse::OpenFilesMetrics& open_files_metrics;
  fuse::BackingBroker& backings;
  Gauge& mounts_gauge;
  size_t session_threads = 2;                   // at first
  uint64_t push_bytes_max = 0;                  // at first
  std::vector<std::string> source_directories;  // of file:// sources
};

class Mounts {
 public:
  static constexpr size_t kMountsMax = 1024;

  explicit Mounts(MountContext context)
      : context_(std::move(context)),
        catalogs_(context_.catalogs_directory),
        session_threads_(context_.session_threads),
        push_bytes_max_(context_.push_bytes_max) {}

  Status Add(const broker::v1::Mount& request, UniqueFd fuse_fd);
  // Nothing happens when it is not there.
  Status Remove(const std::string& volume_id);
  // From its next request to the source on. NOT_FOUND when it is not there.
  Status Renew(const broker::v1::RenewCredentials& request);
  // Makes a mounted volume what `spec` says, with its credentials, from now on. What is open goes on. `commit` is
  // called when nothing can go wrong any more but itself: an error, its own too, has changed nothing. NOT_FOUND when
  // the volume is not there; INVALID_ARGUMENT, or a source's error.
  Status Change(const broker::v1::VolumeSpec& spec, const std::function<Status()>& commit);
  // Of every session from now on, and of those to come. Not on the loop.
  void SetSessionLimits(size_t threads, uint64_t push_bytes_max);
  // Ends all sessions; the mounts stay the plugin's, and the next daemon goes on with them.
  void StopAll();

  // By volume id, or by the source when exactly one mount has it. NOT_FOUND with what there is.
  StatusOr<std::shared_ptr<Mount>> Find(const std::string& dataset) const;
  // Null when no mount has the id.
  std::shared_ptr<Mount> FindById(const std::string& volume_id) const;
  std::vector<std::shared_ptr<Mount>> All() const;
  std::vector<admin::v1::FailedMount> Failures() const { return failed_.All(); }
  // What each volume has of each tier, for the metrics.
  Registry::Values CachedBytes() const;
  // Some volume is still mounted in the kernel.
  bool AnyServed() const;

 private:
  Status TryAdd(const broker::v1::Mount& request, UniqueFd fuse_fd);
  StatusOr<std::shared_ptr<Mount>> Create(const broker::v1::Mount& request, UniqueFd fuse_fd);
  // True: its names are those of other mounts.
  StatusOr<bool> OpenDataset(const broker::v1::Mount& request, Mount& mount);
  StatusOr<std::shared_ptr<Contents>> OpenContents(const broker::v1::VolumeSpec& spec) const;
  void ForgetNames(Mount& mount);
  void Close(Mount& mount);
  void LimitSession(Mount& mount) const;

  const MountContext context_;
  const CatalogDirectories catalogs_;
  FailedMounts failed_;
  std::atomic<size_t> session_threads_;
  std::atomic<uint64_t> push_bytes_max_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Mount>> mounts_;  // GUARDED_BY mutex_
};

}  // namespace sluice::daemon

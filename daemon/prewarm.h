// Prewarm jobs: fill the cache with a dataset, or parts of it, without a reader; or learn its names only.
//
// A job is written to the index when it begins and when it ends, so that an unfinished one begins again with the
// daemon; what it has cached is found there and not fetched twice. One whose volume is not mounted waits for it.
//
// Threads:   Start, Cancel, Forget, SetLimit, Get, List from any thread; the work is on the loop.
// Limits:    kUnendedMax jobs that run or wait, kJobsMax that are remembered: of those that have ended the oldest go
//            first. A job waits for its volume for kWaitMax, and then FAILS. `concurrency` files at a time per job; the
//            job's, the dataset's and the node's byte limits.
// Errors:    Start: INVALID_ARGUMENT; NOT_FOUND for an unknown dataset; ALREADY_EXISTS for an id that has another
//            request; RESOURCE_EXHAUSTED at kUnendedMax. A file that fails is counted, and the job FAILS at its end
//            with the first such error.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "daemon/job_records.h"
#include "daemon/mounts.h"
#include "daemon/tree_prover.h"
#include "daemon/walk.h"
#include "proto/admin.pb.h"

namespace sluice::daemon {

class Prewarmer {
 public:
  static constexpr size_t kJobsMax = 256;
  static constexpr size_t kUnendedMax = 128;
  static constexpr std::chrono::hours kWaitMax{7 * 24};
  static constexpr uint32_t kConcurrencyDefault = 32;
  static constexpr size_t kMessageBytesMax = 1024;

  Prewarmer(Mounts& mounts, cache::Cache& cache, cache::PublishedTrees& trees, TreeProver& prover, io::Loop& loop);

  // Reads unfinished jobs from the index. Before the loop runs.
  Status Load();
  // Begins those jobs that wait for the volume.
  void OnMounted(const std::shared_ptr<Mount>& mount);
  // Its jobs are to stop at once, wherever they wait: the mount is closing already.
  void OnUnmounted(const std::string& volume_id);

  StatusOr<admin::v1::Job> Start(const admin::v1::StartPrewarmRequest& request);
  StatusOr<admin::v1::Job> Cancel(const std::string& id);
  // Removes a job that has ended, and its record.
  StatusOr<admin::v1::Job> Forget(const std::string& id);
  // Of a job that has not ended; it is the request's from now on.
  StatusOr<admin::v1::Job> SetLimit(const std::string& id, uint64_t bytes_per_second);
  StatusOr<admin::v1::Job> Get(const std::string& id);
  // The same, after `at_most`, or as soon as the job has ended. Blocks: not on the loop.
  StatusOr<admin::v1::Job> Await(const std::string& id, Duration at_most);
  // The daemon's own in their order, then those that clients have named.
  std::vector<admin::v1::Job> List();

  // Stops the jobs without ending them: the next daemon goes on.
  io::Task<void> Close();

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  using MountPtr = std::shared_ptr<Mount>;

  // prewarm.cc; mutex_ is held.
  StatusOr<JobPtr> FindUnended(const std::string& id) const;
  StatusOr<admin::v1::Job> AddJob(const admin::v1::StartPrewarmRequest& request, const MountPtr& mount);
  void Launch(const JobPtr& job, const MountPtr& mount);
  void SetState(Job& job, admin::v1::Job::State state, std::string_view message = "");
  void Save(const Job& job);
  void LiftLimit(const JobPtr& job);
  void EndLongWaits();
  void ForgetOldJobs();
  const admin::v1::Job& Shown(Job& job) const;

  // prewarm_run.cc
  io::Task<void> Run(JobPtr job, MountPtr mount);
  bool ShouldStop(const Job& job, const Mount& mount) const;
  io::Task<Status> Count(JobPtr job, MountPtr mount, int64_t since_ns);
  io::Task<void> CountBeside(JobPtr job, MountPtr mount, int64_t since_ns);
  io::Task<void> Fill(JobPtr job, MountPtr mount, uint32_t concurrency, int64_t since_ns);
  io::Task<void> Work(JobPtr job, MountPtr mount, std::shared_ptr<Walker> walker);
  io::Task<Status> WarmBlocks(Job& job, Mount& mount, std::shared_ptr<cache::Object> object);
  static Status TakeShare(Job& job, const cache::Object& object);
  io::Task<Status> WarmFile(Job& job, Mount& mount, const cache::Node& node);
  io::Task<Status> PreparePublish(Job& job, MountPtr mount);
  void End(const JobPtr& job, const MountPtr& mount);

  Mounts& mounts_;
  cache::Cache& cache_;
  cache::PublishedTrees& trees_;
  TreeProver& prover_;
  io::Loop& loop_;
  io::Gate gate_;
  mutable std::mutex mutex_;            // before that of mounts_, where both are taken
  std::condition_variable ended_;       // some job has
  std::map<std::string, JobPtr> jobs_;  // GUARDED_BY mutex_, with the jobs' state
  uint64_t next_id_ = 1;
};

}  // namespace sluice::daemon

// Prewarm jobs: fill the cache with a dataset, or parts of it, without a reader.
//
// A job is written to the index when it begins and when it ends, so that an unfinished one begins again with the
// daemon; what it has cached is found there and not fetched twice.
//
// Threads:   Start, Cancel, Get, List from any thread; the work is on the loop.
// Limits:    kJobsMax jobs are remembered, the oldest ended ones go first; `concurrency` files at a time per job; the
//            job's, the dataset's and the node's byte limits.
// Errors:    Start: INVALID_ARGUMENT; NOT_FOUND for an unknown dataset. A file that fails is counted, and the job FAILS
//            at its end with the first such error.
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
  static constexpr uint32_t kConcurrencyDefault = 32;

  Prewarmer(Mounts& mounts, cache::Cache& cache, cache::PublishedTrees& trees, TreeProver& prover, io::Loop& loop);

  // Reads unfinished jobs from the index. Before the loop runs.
  Status Load();
  // Begins those jobs that wait for `volume_id`'s mount.
  void OnMounted(const std::shared_ptr<Mount>& mount);

  StatusOr<admin::v1::Job> Start(const admin::v1::StartPrewarmRequest& request);
  StatusOr<admin::v1::Job> Cancel(const std::string& id);
  StatusOr<admin::v1::Job> Get(const std::string& id) const;
  // The same, after `at_most`, or as soon as the job has ended. Blocks: not on the loop.
  StatusOr<admin::v1::Job> Await(const std::string& id, Duration at_most) const;
  std::vector<admin::v1::Job> List() const;

  // Stops the jobs without ending them: the next daemon goes on.
  io::Task<void> Close();

 private:
  struct Job;
  io::Task<void> Run(std::shared_ptr<Job> job, std::shared_ptr<Mount> mount);
  io::Task<void> Count(std::shared_ptr<Job> job, std::shared_ptr<Mount> mount);
  io::Task<void> Work(std::shared_ptr<Job> job, std::shared_ptr<Mount> mount, std::shared_ptr<Walker> walker);
  io::Task<Status> WarmBlocks(Job& job, Mount& mount, std::shared_ptr<cache::Object> object);
  io::Task<Status> WarmFile(Job& job, Mount& mount, const cache::Node& node);
  io::Task<Status> PreparePublish(Job& job, std::shared_ptr<Mount> mount);
  void Launch(const std::shared_ptr<Job>& job, const std::shared_ptr<Mount>& mount);
  void Save(const Job& job);
  void ForgetOldJobs();

  Mounts& mounts_;
  cache::Cache& cache_;
  cache::PublishedTrees& trees_;
  TreeProver& prover_;
  io::Loop& loop_;
  io::Gate gate_;
  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;             // some job has
  std::map<std::string, std::shared_ptr<Job>> jobs_;  // GUARDED_BY mutex_, with the jobs' state
  uint64_t next_id_ = 1;
};

}  // namespace sluice::daemon

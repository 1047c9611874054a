#include "daemon/prewarm.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace sluice::daemon {

using admin::v1::StartPrewarmRequest;
using State = admin::v1::Job::State;

struct Prewarmer::Job {
  Job(io::Loop& loop, admin::v1::Job s)
      : status(std::move(s)),
        patterns({status.request().patterns().begin(), status.request().patterns().end()}),
        throttle(loop),
        turn(loop, 1),
        worker_done(loop) {}

  // GUARDED_BY Prewarmer::mutex_
  admin::v1::Job status;
  Instant started{};
  Instant sampled{};
  uint64_t sampled_bytes = 0;

  const Patterns patterns;
  std::optional<uint8_t> medium;
  std::atomic<bool> cancelled{false};

  // loop
  io::Throttle throttle;
  io::Semaphore turn;  // who may ask the walker
  io::Event worker_done;
  size_t workers = 0;
  Status first_error;
};

namespace {

bool HasEnded(State state) {
  return state == admin::v1::Job::SUCCEEDED || state == admin::v1::Job::FAILED || state == admin::v1::Job::CANCELLED;
}

StatusOr<std::optional<uint8_t>> MediumOf(const std::string& tier, const cache::BlockStore& store) {
  if (tier.empty()) return std::optional<uint8_t>();
  ASSIGN_OR_RETURN(const cache::Medium medium, cache::ParseMedium(tier));
  if (store.tier(static_cast<uint8_t>(medium)) == nullptr) return InvalidArgument("this pool has no {} tier", tier);
  return std::optional<uint8_t>(static_cast<uint8_t>(medium));
}

}  // namespace

Prewarmer::Prewarmer(Mounts& mounts, cache::Cache& cache, cache::PublishedTrees& trees, TreeProver& prover,
                     io::Loop& loop)
    : mounts_(mounts), cache_(cache), trees_(trees), prover_(prover), loop_(loop), gate_(loop) {}

Status Prewarmer::Load() {
  return cache_.store().index().Scan(
      std::string(1, cache::kJobRecords), [this](std::string_view key, std::string_view value) {
        auto parsed = ParseJobRecord(key, value);
        if (!parsed.ok()) {
          spdlog::warn("{}: it is dropped", Message(parsed.status()));
          return cache_.store().index().Delete(std::string(key));
        }
        admin::v1::Job status = *std::move(parsed);
        if (!HasEnded(status.state())) status.set_state(admin::v1::Job::WAITING);
        next_id_ = std::max(next_id_, JobNumber(status.id()) + 1);
        auto job = std::make_shared<Job>(loop_, status);
        if (const auto medium = MediumOf(status.request().tier(), cache_.store()); medium.ok()) job->medium = *medium;
        jobs_[status.id()] = std::move(job);
      });
}

void Prewarmer::Save(const Job& job) {
  cache_.store().index().Put(JobRecordKey(job.status.id()), job.status.SerializeAsString());
}

void Prewarmer::OnMounted(const std::shared_ptr<Mount>& mount) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, job] : jobs_) {
    const std::string& dataset = job->status.request().dataset();
    if (job->status.state() != admin::v1::Job::WAITING) continue;
    if (dataset == mount->spec.volume_id() || dataset == mount->spec.source()) Launch(job, mount);
  }
}

StatusOr<admin::v1::Job> Prewarmer::Start(const StartPrewarmRequest& request) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Mount> mount, mounts_.Find(request.dataset()));
  ASSIGN_OR_RETURN(const auto medium, MediumOf(request.tier(), cache_.store()));
  if (request.concurrency() > kJobConcurrencyMax) {
    return InvalidArgument("a concurrency of {} is too much; at most {} files at a time", request.concurrency(),
                           kJobConcurrencyMax);
  }
  if (request.publish_native() && (mount->spec.consistency() != "immutable" || request.patterns_size() > 0)) {
    return InvalidArgument("only all of a volume with 'consistency: immutable' can be published natively");
  }
  const std::lock_guard lock(mutex_);
  admin::v1::Job status;
  status.set_id(JobId(next_id_++));
  *status.mutable_request() = request;
  status.mutable_request()->set_dataset(mount->spec.volume_id());
  if (request.concurrency() == 0) status.mutable_request()->set_concurrency(kConcurrencyDefault);
  auto job = std::make_shared<Job>(loop_, std::move(status));
  job->medium = medium;
  jobs_[job->status.id()] = job;
  Launch(job, mount);
  ForgetOldJobs();
  return job->status;
}

void Prewarmer::ForgetOldJobs() {
  for (auto at = jobs_.begin(); at != jobs_.end() && jobs_.size() > kJobsMax;) {
    const auto current = at++;
    if (!HasEnded(current->second->status.state())) continue;
    cache_.store().index().Delete(JobRecordKey(current->first));
    jobs_.erase(current);
  }
}

void Prewarmer::Launch(const std::shared_ptr<Job>& job, const std::shared_ptr<Mount>& mount) {
  // It begins anew, whatever it had done before its daemon or its mount went: what is cached is passed over quickly.
  admin::v1::Job fresh;
  fresh.set_id(job->status.id());
  *fresh.mutable_request() = job->status.request();
  fresh.set_state(admin::v1::Job::RUNNING);
  job->status = std::move(fresh);
  job->started = job->sampled = loop_.clock().Now();
  job->sampled_bytes = 0;
  Save(*job);
  loop_.Post([this, job, mount] { io::Spawn(Run(job, mount)); });
}

io::Task<void> Prewarmer::Run(std::shared_ptr<Job> job, std::shared_ptr<Mount> mount) {
  const io::Gate::Holder holder = gate_.Enter();
  job->throttle.SetRate(job->status.request().limit_bytes_per_second());
  io::Spawn(Count(job, mount));
  auto walker = std::make_shared<Walker>(*mount->dataset, job->patterns);
  job->workers = std::max<uint32_t>(job->status.request().concurrency(), 1);
  for (size_t i = job->workers; i > 0; --i) io::Spawn(Work(job, mount, walker));
  while (job->workers > 0) co_await job->worker_done.Wait();
  if (job->status.request().publish_native() && job->first_error.ok() && !job->cancelled && !mount->closing) {
    job->first_error = co_await PreparePublish(*job, mount);
  }
  const std::lock_guard lock(mutex_);
  admin::v1::Job& status = job->status;
  status.set_seconds_running(std::chrono::duration<double>(loop_.clock().Now() - job->started).count());
  status.set_seconds_left(0);
  if (job->cancelled) {
    status.set_state(admin::v1::Job::CANCELLED);
  } else if (gate_.closed() || mount->closing) {
    status.set_state(admin::v1::Job::WAITING);
  } else if (!job->first_error.ok()) {
    status.set_state(admin::v1::Job::FAILED);
    status.set_message(std::string(Message(job->first_error)));
  } else {
    status.set_state(admin::v1::Job::SUCCEEDED);
    status.set_listed(true);
    status.set_files_total(status.files_done());
    status.set_bytes_total(status.bytes_done());
  }
  Save(*job);
  ended_.notify_all();
}

io::Task<Status> Prewarmer::PreparePublish(Job& job, std::shared_ptr<Mount> mount) {
  cache::TreeOptions options = TreeOptionsOf(mount->spec);
  options.medium = job.medium;
  const std::string name = options.name;
  CO_RETURN_IF_ERROR(Annotate(co_await trees_.Build(*mount->dataset, std::move(options)), "native publish"));
  co_await prover_.Prove(mount, job.cancelled);
  const size_t left = (co_await trees_.Unproven(name)).size();
  if (left > 0) co_return Unavailable("native publish: {} files could not be proven", left);
  co_return absl::OkStatus();
}

io::Task<void> Prewarmer::Count(std::shared_ptr<Job> job, std::shared_ptr<Mount> mount) {
  const io::Gate::Holder holder = gate_.Enter();
  Walker walker(*mount->dataset, job->patterns);
  for (;;) {
    const auto node = co_await walker.Next();
    const std::lock_guard lock(mutex_);
    if (!node.ok() || HasEnded(job->status.state()) || gate_.closed()) co_return;
    if (!*node) {
      job->status.set_listed(true);
      co_return;
    }
    job->status.set_files_total(job->status.files_total() + 1);
    job->status.set_bytes_total(job->status.bytes_total() + (*node)->entry.size_bytes);
  }
}

io::Task<void> Prewarmer::Work(std::shared_ptr<Job> job, std::shared_ptr<Mount> mount, std::shared_ptr<Walker> walker) {
  const io::Gate::Holder holder = gate_.Enter();
  while (!job->cancelled && !mount->closing && !gate_.closed()) {
    co_await job->turn.Acquire(1, io::Urgency::kPrewarm);
    const auto node = co_await walker->Next();
    job->turn.Release(1);
    Status status = node.status();
    if (node.ok() && !*node) break;
    if (node.ok()) status = co_await WarmFile(*job, *mount, **node);
    if (job->cancelled || mount->closing || gate_.closed()) break;
    if (!status.ok() && job->first_error.ok()) job->first_error = status;
    if (!node.ok()) break;  // the walk has ended
    const std::lock_guard lock(mutex_);
    if (status.ok()) {
      job->status.set_files_done(job->status.files_done() + 1);
    } else {
      job->status.set_files_failed(job->status.files_failed() + 1);
    }
  }
  --job->workers;
  job->worker_done.Notify();
}

io::Task<Status> Prewarmer::WarmFile(Job& job, Mount& mount, const cache::Node& node) {
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<cache::Object> object, mount.dataset->AcquireObject(node.ino));
  Status status = co_await WarmBlocks(job, mount, object);
  // What is not right is fetched again, as long as it may be.
  while (status.ok() && !job.cancelled && !mount.closing && !co_await mount.dataset->Prove(object)) {
    {
      const std::lock_guard lock(mutex_);
      job.status.set_bytes_done(job.status.bytes_done() - object->size());
    }
    status = co_await WarmBlocks(job, mount, object);
  }
  cache_.store().Release(object);
  co_return Annotate(status, node.entry.name);
}

io::Task<Status> Prewarmer::WarmBlocks(Job& job, Mount& mount, std::shared_ptr<cache::Object> object) {
  const auto step =
      static_cast<uint32_t>(std::max<uint64_t>(cache_.options().fetch_bytes_max / object->block_size(), 1));
  Status status;
  for (uint32_t block = 0; block < object->block_count() && status.ok() && !job.cancelled && !mount.closing;
       block += step) {
    const uint32_t end = std::min(block + step, object->block_count());
    uint64_t bytes = 0;
    uint64_t missing_bytes = 0;
    for (uint32_t i = block; i < end; ++i) {
      bytes += object->BlockLength(i);
      if (!object->TierOf(i)) missing_bytes += object->BlockLength(i);
    }
    uint64_t fetched_bytes = 0;
    if (missing_bytes > 0) {
      co_await job.throttle.Pass(missing_bytes);
      co_await mount.dataset->PassLimits(missing_bytes);
      if (job.cancelled) break;
      const auto warmed = co_await cache_.Warm(object, mount.dataset->source(), block, end - block, job.medium);
      status = warmed.status();
      if (warmed.ok()) fetched_bytes = *warmed;
    }
    const std::lock_guard lock(mutex_);
    if (status.ok()) job.status.set_bytes_done(job.status.bytes_done() + bytes);
    job.status.set_bytes_fetched(job.status.bytes_fetched() + fetched_bytes);
  }
  co_return status;
}

StatusOr<admin::v1::Job> Prewarmer::Cancel(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return NotFound("no job '{}'; 'sluice jobs' lists them", id);
  Job& job = *found->second;
  if (HasEnded(job.status.state())) return FailedPrecondition("job {} has ended already", id);
  job.cancelled = true;
  loop_.Post([job = found->second] { job->throttle.SetRate(0); });  // whoever waits there goes on, and sees it
  if (job.status.state() == admin::v1::Job::WAITING) {
    job.status.set_state(admin::v1::Job::CANCELLED);
    Save(job);
    ended_.notify_all();
  }
  return job.status;
}

StatusOr<admin::v1::Job> Prewarmer::Await(const std::string& id, Duration at_most) const {
  {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, at_most, [&] {
      const auto found = jobs_.find(id);
      return found == jobs_.end() || HasEnded(found->second->status.state());
    });
  }
  return Get(id);
}

StatusOr<admin::v1::Job> Prewarmer::Get(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return NotFound("no job '{}'; 'sluice jobs' lists them", id);
  Job& job = *found->second;
  if (job.status.state() == admin::v1::Job::RUNNING) {
    const Instant now = loop_.clock().Now();
    job.status.set_seconds_running(std::chrono::duration<double>(now - job.started).count());
    const double elapsed = std::chrono::duration<double>(now - job.sampled).count();
    if (elapsed >= 1) {
      job.status.set_bytes_per_second(static_cast<double>(job.status.bytes_done() - job.sampled_bytes) / elapsed);
      job.sampled = now;
      job.sampled_bytes = job.status.bytes_done();
    }
    const double rate = job.status.bytes_per_second();
    const double left = static_cast<double>(job.status.bytes_total()) - static_cast<double>(job.status.bytes_done());
    job.status.set_seconds_left(job.status.listed() && rate > 0 ? std::max(left, 0.0) / rate : -1);
  }
  return job.status;
}

std::vector<admin::v1::Job> Prewarmer::List() const {
  std::vector<std::string> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, job] : jobs_) ids.push_back(id);
  }
  std::vector<admin::v1::Job> jobs;
  for (const std::string& id : ids) {
    if (auto job = Get(id); job.ok()) jobs.push_back(*std::move(job));
  }
  std::sort(jobs.begin(), jobs.end(), [](const auto& a, const auto& b) {
    return std::pair(a.id().size(), a.id()) < std::pair(b.id().size(), b.id());
  });
  return jobs;
}

io::Task<void> Prewarmer::Close() { return gate_.Close(); }

}  // namespace sluice::daemon

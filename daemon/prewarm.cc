#include "daemon/prewarm.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/printable.h"
#include "daemon/prewarm_job.h"
#include "daemon/prewarm_request.h"

namespace sluice::daemon {

using admin::v1::StartPrewarmRequest;
using State = admin::v1::Job::State;

namespace {

StatusOr<std::optional<uint8_t>> MediumOf(const std::string& tier, const cache::BlockStore& store) {
  if (tier.empty()) return std::optional<uint8_t>();
  ASSIGN_OR_RETURN(const cache::Medium medium, cache::ParseMedium(tier));
  if (store.tier(static_cast<uint8_t>(medium)) == nullptr) return InvalidArgument("this pool has no {} tier", tier);
  return std::optional<uint8_t>(static_cast<uint8_t>(medium));
}

std::chrono::seconds WallSeconds(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.Wall().time_since_epoch());
}

Status NoJob(const std::string& id) {
  return NotFound("no job '{}'; 'sluice jobs' lists them", Printable(id, kJobIdMax));
}

}  // namespace

Prewarmer::Prewarmer(Mounts& mounts, cache::Cache& cache, cache::PublishedTrees& trees, TreeProver& prover,
                     io::Loop& loop)
    : mounts_(mounts), cache_(cache), trees_(trees), prover_(prover), loop_(loop), gate_(loop) {}

Status Prewarmer::Load() {
  RETURN_IF_ERROR(cache_.store().index().Scan(
      std::string(1, cache::kJobRecords), [this](std::string_view key, std::string_view value) {
        auto parsed = ParseJobRecord(key, value);
        if (!parsed.ok()) {
          spdlog::warn("{}: it is dropped", Message(parsed.status()));
          return cache_.store().index().Delete(std::string(key));
        }
        next_id_ = std::max(next_id_, JobNumber(parsed->id()) + 1);
        auto job = std::make_shared<Job>(loop_, *std::move(parsed));
        if (const auto medium = MediumOf(job->status.request().tier(), cache_.store()); medium.ok()) {
          job->medium = *medium;
        }
        jobs_[job->status.id()] = std::move(job);
      }));
  const std::lock_guard lock(mutex_);
  for (const auto& [id, job] : jobs_) {
    const bool waited = job->status.state() == admin::v1::Job::WAITING && job->status.state_since_seconds() > 0;
    if (!waited && !HasEnded(job->status.state())) SetState(*job, admin::v1::Job::WAITING);
  }
  EndLongWaits();
  return absl::OkStatus();
}

void Prewarmer::Save(const Job& job) {
  cache_.store().index().Put(JobRecordKey(job.status.id()), job.status.SerializeAsString());
}

void Prewarmer::SetState(Job& job, State state, std::string_view message) {
  job.status.set_state(state);
  job.status.set_message(Printable(message, kMessageBytesMax));
  job.status.set_state_since_seconds(WallSeconds(loop_.clock()).count());
  Save(job);
  ended_.notify_all();
}

void Prewarmer::OnMounted(const MountPtr& mount) {
  const std::lock_guard lock(mutex_);
  EndLongWaits();
  for (const auto& [id, job] : jobs_) {
    const std::string& dataset = job->status.request().dataset();
    if (job->status.state() != admin::v1::Job::WAITING) continue;
    if (dataset == mount->volume_id() || dataset == mount->spec()->source()) Launch(job, mount);
  }
}

void Prewarmer::OnUnmounted(const std::string& volume_id) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, job] : jobs_) {
    if (job->status.request().dataset() == volume_id) LiftLimit(job);
  }
}

// Whoever waits there goes on, and sees that the job is to stop.
void Prewarmer::LiftLimit(const JobPtr& job) {
  loop_.Post([job] { job->throttle.SetRate(0); });
}

StatusOr<admin::v1::Job> Prewarmer::Start(const StartPrewarmRequest& wanted) {
  RETURN_IF_ERROR(CheckRequest(wanted));
  StartPrewarmRequest request = wanted;
  if (request.concurrency() == 0) request.set_concurrency(kConcurrencyDefault);
  const std::lock_guard lock(mutex_);
  EndLongWaits();
  // Looked for under the lock: a mount that comes later finds the job that waits for it.
  const auto mount = mounts_.Find(request.dataset());
  if (!mount.ok() && !MayWaitForVolume(request)) return mount.status();
  if (mount.ok()) request.set_dataset((*mount)->volume_id());
  const auto found = jobs_.find(request.id());
  if (found == jobs_.end()) return AddJob(request, mount.ok() ? *mount : nullptr);
  if (const std::string difference = DifferenceOf(found->second->status.request(), request); !difference.empty()) {
    return AlreadyExists("job {} was asked for something else: {}", request.id(), difference);
  }
  return Shown(*found->second);
}

StatusOr<admin::v1::Job> Prewarmer::AddJob(const StartPrewarmRequest& request, const MountPtr& mount) {
  ASSIGN_OR_RETURN(const auto medium, MediumOf(request.tier(), cache_.store()));
  if (mount != nullptr) RETURN_IF_ERROR(CheckVolume(request, *mount->spec()));
  const auto unended = std::count_if(jobs_.begin(), jobs_.end(),
                                     [](const auto& entry) { return !HasEnded(entry.second->status.state()); });
  if (static_cast<size_t>(unended) >= kUnendedMax) {
    return ResourceExhausted("{} jobs run or wait; that is the limit: cancel some, or wait for their end", unended);
  }
  admin::v1::Job status;
  status.set_id(request.id().empty() ? JobId(next_id_++) : request.id());
  *status.mutable_request() = request;
  const auto job = std::make_shared<Job>(loop_, std::move(status));
  job->medium = medium;
  jobs_[job->status.id()] = job;
  if (mount != nullptr) {
    Launch(job, mount);
  } else {
    SetState(*job, admin::v1::Job::WAITING);
  }
  ForgetOldJobs();
  return job->status;
}

// A volume that went for good would be prewarmed by whatever it is when it comes back in a year.
void Prewarmer::EndLongWaits() {
  const auto now = WallSeconds(loop_.clock());
  for (const auto& [id, job] : jobs_) {
    const bool waits = job->status.state() == admin::v1::Job::WAITING;
    if (!waits || now - std::chrono::seconds(job->status.state_since_seconds()) < kWaitMax) continue;
    SetState(*job, admin::v1::Job::FAILED,
             fmt::format("volume {} was not mounted for {} h", job->status.request().dataset(), kWaitMax.count()));
  }
}

void Prewarmer::ForgetOldJobs() {
  while (jobs_.size() > kJobsMax) {
    const auto age = [](const auto& entry) {
      const admin::v1::Job& status = entry.second->status;
      return std::pair(!HasEnded(status.state()), status.state_since_seconds());
    };
    const auto oldest =
        std::min_element(jobs_.begin(), jobs_.end(), [&](const auto& a, const auto& b) { return age(a) < age(b); });
    if (!HasEnded(oldest->second->status.state())) return;
    cache_.store().index().Delete(JobRecordKey(oldest->first));
    jobs_.erase(oldest);
  }
}

void Prewarmer::Launch(const JobPtr& job, const MountPtr& mount) {
  if (const Status fits = CheckVolume(job->status.request(), *mount->spec()); !fits.ok()) {
    return SetState(*job, admin::v1::Job::FAILED, Message(fits));
  }
  // It begins anew, whatever it had done before its daemon or its mount went: what is cached is passed over quickly.
  admin::v1::Job fresh;
  fresh.set_id(job->status.id());
  *fresh.mutable_request() = job->status.request();
  job->status = std::move(fresh);
  job->started = job->sampled = loop_.clock().Now();
  job->sampled_bytes = 0;
  SetState(*job, admin::v1::Job::RUNNING);
  loop_.Post([this, job, mount] { io::Spawn(Run(job, mount)); });
}

StatusOr<Prewarmer::JobPtr> Prewarmer::FindUnended(const std::string& id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return NoJob(id);
  if (HasEnded(found->second->status.state())) return FailedPrecondition("job {} has ended already", id);
  return found->second;
}

StatusOr<admin::v1::Job> Prewarmer::Cancel(const std::string& id) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const JobPtr job, FindUnended(id));
  job->cancelled = true;
  LiftLimit(job);
  if (job->status.state() == admin::v1::Job::WAITING) SetState(*job, admin::v1::Job::CANCELLED);
  return job->status;
}

StatusOr<admin::v1::Job> Prewarmer::Forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return NoJob(id);
  const admin::v1::Job status = Shown(*found->second);
  if (!HasEnded(status.state())) return FailedPrecondition("job {} has not ended; cancel it first", id);
  cache_.store().index().Delete(JobRecordKey(id));
  jobs_.erase(found);
  return status;
}

StatusOr<admin::v1::Job> Prewarmer::SetLimit(const std::string& id, uint64_t bytes_per_second) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const JobPtr job, FindUnended(id));
  StartPrewarmRequest request = job->status.request();
  request.set_limit_bytes_per_second(bytes_per_second);
  RETURN_IF_ERROR(CheckRequest(request));
  *job->status.mutable_request() = std::move(request);
  Save(*job);
  loop_.Post([job, bytes_per_second] {
    if (!job->cancelled) job->throttle.SetRate(bytes_per_second);
  });
  return Shown(*job);
}

StatusOr<admin::v1::Job> Prewarmer::Await(const std::string& id, Duration at_most) {
  {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, at_most, [&] {
      const auto found = jobs_.find(id);
      return found == jobs_.end() || HasEnded(found->second->status.state());
    });
  }
  return Get(id);
}

StatusOr<admin::v1::Job> Prewarmer::Get(const std::string& id) {
  const std::lock_guard lock(mutex_);
  EndLongWaits();
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return NoJob(id);
  return Shown(*found->second);
}

// Brings what changes with time up to date.
const admin::v1::Job& Prewarmer::Shown(Job& job) const {
  if (job.status.state() != admin::v1::Job::RUNNING) return job.status;
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
  return job.status;
}

std::vector<admin::v1::Job> Prewarmer::List() {
  std::vector<admin::v1::Job> jobs;
  {
    const std::lock_guard lock(mutex_);
    EndLongWaits();
    for (const auto& [id, job] : jobs_) jobs.push_back(Shown(*job));
  }
  const auto place = [](const admin::v1::Job& job) { return std::pair(JobNumber(job.id()) - 1, job.id()); };
  std::sort(jobs.begin(), jobs.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return jobs;
}

io::Task<void> Prewarmer::Close() {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, job] : jobs_) LiftLimit(job);
  }
  co_await gate_.Close();
}

}  // namespace sluice::daemon

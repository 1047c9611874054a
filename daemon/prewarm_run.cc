// The work of prewarm jobs, on the loop.
#include <algorithm>

#include "common/bytes.h"
#include "daemon/prewarm_job.h"

namespace sluice::daemon {

using State = admin::v1::Job::State;

io::Task<void> Prewarmer::Run(JobPtr job, MountPtr mount) {
  const io::Gate::Holder holder = gate_.Enter();
  admin::v1::StartPrewarmRequest request;
  {
    const std::lock_guard lock(mutex_);
    request = job->status.request();
  }
  job->first_error = absl::OkStatus();
  job->taken_bytes = 0;
  job->throttle.SetRate(request.limit_bytes_per_second());
  const bool anew = request.refresh() || request.metadata_only();
  const int64_t since_ns = anew ? mount->dataset->NowNs() : 0;
  if (request.metadata_only()) {
    job->first_error = co_await Count(job, mount, since_ns);
  } else {
    io::Spawn(CountBeside(job, mount, since_ns));
    co_await Fill(job, mount, std::max<uint32_t>(request.concurrency(), 1), since_ns);
  }
  if (request.publish_native() && job->first_error.ok() && !job->cancelled && !mount->closing) {
    job->first_error = co_await PreparePublish(*job, mount);
  }
  End(job, mount);
}

void Prewarmer::End(const JobPtr& job, const MountPtr& mount) {
  const std::lock_guard lock(mutex_);
  admin::v1::Job& status = job->status;
  status.set_seconds_running(std::chrono::duration<double>(loop_.clock().Now() - job->started).count());
  status.set_seconds_left(0);
  if (job->cancelled) {
    SetState(*job, admin::v1::Job::CANCELLED);
  } else if (gate_.closed() || mount->closing) {
    SetState(*job, admin::v1::Job::WAITING);
    // It may have been mounted again already.
    const auto next = mounts_.Find(status.request().dataset());
    if (!gate_.closed() && next.ok() && *next != mount) Launch(job, *next);
  } else if (!job->first_error.ok()) {
    SetState(*job, admin::v1::Job::FAILED, Message(job->first_error));
  } else {
    if (!status.request().metadata_only()) {
      status.set_listed(true);
      status.set_files_total(status.files_done());
      status.set_bytes_total(status.bytes_done());
    }
    SetState(*job, admin::v1::Job::SUCCEEDED);
  }
}

bool Prewarmer::ShouldStop(const Job& job, const Mount& mount) const {
  return job.cancelled || mount.closing || gate_.closed();
}

io::Task<Status> Prewarmer::PreparePublish(Job& job, MountPtr mount) {
  cache::TreeOptions options = TreeOptionsOf(*mount->spec());
  options.medium = job.medium;
  const std::string name = options.name;
  CO_RETURN_IF_ERROR(Annotate(co_await trees_.Build(*mount->dataset, std::move(options)), "native publish"));
  co_await prover_.Prove(mount, job.cancelled);
  const size_t left = (co_await trees_.Unproven(name)).size();
  if (left > 0) co_return Unavailable("native publish: {} files could not be proven", left);
  co_return absl::OkStatus();
}

io::Task<Status> Prewarmer::Count(JobPtr job, MountPtr mount, int64_t since_ns) {
  constexpr size_t kNamesATurn = 256;  // known names are no wait: others want the loop, too
  Walker walker(*mount->dataset, job->patterns, since_ns);
  for (size_t names = 1; !ShouldStop(*job, *mount); ++names) {
    CO_ASSIGN_OR_RETURN(const std::optional<cache::Node> node, co_await walker.Next());
    if (ShouldStop(*job, *mount)) break;
    {
      const std::lock_guard lock(mutex_);
      if (HasEnded(job->status.state())) break;
      if (!node) {
        job->status.set_listed(true);
        break;
      }
      job->status.set_files_total(job->status.files_total() + 1);
      job->status.set_bytes_total(job->status.bytes_total() + node->entry.size_bytes);
    }
    if (names % kNamesATurn == 0) co_await loop_.Sleep(Duration(1));
  }
  co_return absl::OkStatus();
}

// What cannot be listed is an error of the filling, which comes to it, too.
io::Task<void> Prewarmer::CountBeside(JobPtr job, MountPtr mount, int64_t since_ns) {
  const io::Gate::Holder holder = gate_.Enter();
  (void)co_await Count(job, mount, since_ns);
}

io::Task<void> Prewarmer::Fill(JobPtr job, MountPtr mount, uint32_t concurrency, int64_t since_ns) {
  auto walker = std::make_shared<Walker>(*mount->dataset, job->patterns, since_ns);
  job->workers = concurrency;
  for (uint32_t i = 0; i < concurrency; ++i) io::Spawn(Work(job, mount, walker));
  while (job->workers > 0) co_await job->worker_done.Wait();
}

io::Task<void> Prewarmer::Work(JobPtr job, MountPtr mount, std::shared_ptr<Walker> walker) {
  const io::Gate::Holder holder = gate_.Enter();
  while (!ShouldStop(*job, *mount)) {
    co_await job->turn.Acquire(1, io::Urgency::kPrewarm);
    const auto node = co_await walker->Next();
    job->turn.Release(1);
    Status status = node.status();
    if (node.ok() && !*node) break;
    if (node.ok()) status = co_await WarmFile(*job, *mount, **node);
    if (ShouldStop(*job, *mount)) break;
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

// Nothing is fetched that would only push out what the job has fetched before.
Status Prewarmer::TakeShare(Job& job, const cache::Object& object) {
  const auto most_bytes = object.account->LastingBytes(job.medium);
  if (!most_bytes) return absl::OkStatus();
  if (*most_bytes == 0) {
    return FailedPrecondition(
        "the volume's 'cache' leaves it nothing of {}",
        job.medium ? fmt::format("the {} tier", cache::kMediumNames[*job.medium]) : "any tier that this pool has");
  }
  const uint64_t bytes = (object.size() + 4095) / 4096 * 4096;
  if (job.taken_bytes + bytes > *most_bytes) {
    return ResourceExhausted("the volume's 'cache' leaves it {}, and other files have taken {} of that",
                             FormatBytes(*most_bytes), FormatBytes(job.taken_bytes));
  }
  job.taken_bytes += bytes;
  return absl::OkStatus();
}

io::Task<Status> Prewarmer::WarmFile(Job& job, Mount& mount, const cache::Node& node) {
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<cache::Object> object, mount.dataset->AcquireObject(node.ino));
  Status status = TakeShare(job, *object);
  if (status.ok()) status = co_await WarmBlocks(job, mount, object);
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
      static_cast<uint32_t>(std::max<uint64_t>(cache_.limits().fetch_bytes_max / object->block_size(), 1));
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
      if (ShouldStop(job, mount)) break;
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

}  // namespace sluice::daemon

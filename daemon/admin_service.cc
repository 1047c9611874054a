#include "daemon/admin_service.h"

#include "common/printable.h"
#include "daemon/access_stream.h"
#include "daemon/volume_cache.h"
#include "io/call.h"

namespace sluice::daemon {
namespace {

grpc::Status ToGrpc(const sluice::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(Message(status))};
}

template <typename T>
grpc::Status Answer(StatusOr<T> result, T* reply) {
  if (!result.ok()) return ToGrpc(result.status());
  *reply = *std::move(result);
  return grpc::Status::OK;
}

constexpr size_t kNoteBytesMax = 1024;

double SecondsSince(Instant start) { return std::chrono::duration<double>(Clock::System().Now() - start).count(); }

// How the mount's files are read, and why.
void ShowPath(const Mount& mount, const std::optional<cache::TreeInfo>& tree, admin::v1::Mount* out) {
  if (tree) {
    out->set_native(fmt::format("{} files in the {} tier, {}", tree->files, cache::kMediumNames[tree->medium],
                                tree->leased   ? "mounted"
                                : tree->proven ? "ready"
                                               : "not proven yet"));
  }
  if (tree && tree->leased) return out->set_path("native");
  if (mount.session->profile().small_files()) {
    out->set_path("no-open");
    out->set_path_reason(mount.spec()->access() == "small-files" ? "access: small-files"
                                                                 : "most bytes are in files of up to 1 MiB");
    return;
  }
  const std::string reason = mount.session->files().reason();
  out->set_path(reason.empty() ? "passthrough" : "page-cache");
  out->set_path_reason(reason);
}

}  // namespace

void AdminService::FillTiers(google::protobuf::RepeatedPtrField<admin::v1::Tier>* tiers) const {
  io::RunOn(context_.loop, [&] {
    for (const auto& tier : context_.cache.store().tiers()) {
      admin::v1::Tier* out = tiers->Add();
      out->set_medium(std::string(tier->name()));
      out->set_path(tier->options().path);
      out->set_quota_bytes(tier->quota_bytes());
      out->set_used_bytes(tier->used_bytes());
      out->set_in_service(tier->in_service());
      out->set_failure(std::string(Message(tier->failure())));
    }
  });
}

grpc::Status AdminService::GetStatus(grpc::ServerContext*, const admin::v1::GetStatusRequest*,
                                     admin::v1::Status* reply) {
  reply->set_version(context_.version);
  const OverriddenConfig config = context_.config.Get();
  reply->set_pool(config.in_force().name);
  for (const std::string& note : config.notes()) reply->add_notes(Printable(note, kNoteBytesMax));
  reply->set_uptime_seconds(SecondsSince(context_.started));
  reply->set_file_io(context_.file_io);
  reply->set_confinement(context_.confinement);
  FillTiers(reply->mutable_tiers());
  return grpc::Status::OK;
}

grpc::Status AdminService::ListMounts(grpc::ServerContext*, const admin::v1::ListMountsRequest*,
                                      admin::v1::ListMountsResponse* reply) {
  for (const auto& mount : context_.mounts.All()) {
    admin::v1::Mount* out = reply->add_mounts();
    const Mount::Spec spec = mount->spec();  // of one moment
    out->set_volume_id(mount->volume_id());
    out->set_source(SourceText(*spec));
    out->set_consistency(spec->consistency());
    out->set_block_size_bytes(spec->block_size_bytes());
    out->set_entries(mount->dataset->catalog().node_count() - 1);
    out->set_hidden_entries(mount->dataset->catalog().hidden_total());
    const cache::Catalog::Totals totals = mount->dataset->catalog().totals();
    out->set_files(totals.files);
    out->set_bytes(totals.bytes);
    out->set_listed(totals.listed);
    out->set_hit_bytes(mount->dataset->hit_bytes());
    out->set_miss_bytes(mount->dataset->miss_bytes());
    io::RunOn(context_.loop, [&] {
      ShowCache(*mount->dataset, context_.cache.store(), out);
      out->mutable_throttle()->set_read_bytes_per_second(mount->dataset->limits().bytes_per_second());
      out->mutable_throttle()->set_requests_per_second(mount->dataset->limits().requests_per_second());
    });
    const auto tree = io::RunOn(context_.loop, [&] { return context_.trees.Find(TreeOptionsOf(*spec).name); });
    ShowPath(*mount, tree, out);
  }
  for (auto& failure : context_.mounts.Failures()) *reply->add_failures() = std::move(failure);
  return grpc::Status::OK;
}

grpc::Status AdminService::GetStats(grpc::ServerContext*, const admin::v1::GetStatsRequest*, admin::v1::Stats* reply) {
  FillTiers(reply->mutable_tiers());
  reply->set_uptime_seconds(SecondsSince(context_.started));
  reply->set_cached_objects(context_.cache.store().Objects().size());
  const auto sum = [](const prometheus::MetricFamily& family) {
    double total = 0;
    for (const auto& metric : family.metric) total += metric.counter.value;
    return total;
  };
  for (const auto& family : context_.metrics.Collect()) {
    const auto total = static_cast<uint64_t>(sum(family));
    if (family.name == "sluice_cache_misses_total") reply->set_misses(total);
    if (family.name == "sluice_fuse_read_bytes_total") reply->set_read_bytes(total);
    if (family.name == "sluice_source_read_bytes_total") reply->set_source_read_bytes(total);
    if (family.name == "sluice_source_requests_total") reply->set_source_requests(total);
    if (family.name == "sluice_source_errors_total") reply->set_source_errors(total);
    if (family.name == "sluice_cache_evictions_total") reply->set_evictions(total);
    if (family.name == "sluice_throttled_seconds_total") reply->set_throttled_seconds(sum(family));
    if (family.name != "sluice_cache_hits_total") continue;
    for (const auto& metric : family.metric) {
      (*reply->mutable_hits())[metric.label.at(0).value] = static_cast<uint64_t>(metric.counter.value);
    }
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::GetMetrics(grpc::ServerContext*, const admin::v1::GetMetricsRequest*,
                                      admin::v1::Metrics* reply) {
  reply->set_text(context_.metrics.Text());
  return grpc::Status::OK;
}

grpc::Status AdminService::GetConfig(grpc::ServerContext*, const admin::v1::GetConfigRequest*,
                                     admin::v1::Config* reply) {
  ShowConfig(context_.config.Get(), reply);
  return grpc::Status::OK;
}

grpc::Status AdminService::SetConfig(grpc::ServerContext*, const admin::v1::SetConfigRequest* request,
                                     admin::v1::Config* reply) {
  const auto changed =
      context_.config.Set({request->unset().begin(), request->unset().end()}, request->yaml(), request->dry_run());
  if (!changed.ok()) return ToGrpc(changed.status());
  ShowConfig(*changed, reply);
  if (request->restart() && !request->dry_run() && !reply->pending().empty()) context_.restart();
  return grpc::Status::OK;
}

grpc::Status AdminService::SetVolume(grpc::ServerContext*, const admin::v1::SetVolumeRequest* request,
                                     admin::v1::SetVolumeResponse* reply) {
  auto set = context_.changer.Set(*request);
  if (!set.ok()) return ToGrpc(set.status());
  *reply = *std::move(set);
  return grpc::Status::OK;
}

void AdminService::ShowConfig(const OverriddenConfig& config, admin::v1::Config* out) const {
  out->set_yaml(ToYaml(config.in_force(), config.overrides().keys()));
  if (!config.overrides().empty()) out->set_overrides(config.overrides().ToYaml());
  for (const std::string& key : context_.config.Pending(config.in_force())) out->add_pending(key);
  for (const std::string& note : config.notes()) out->add_notes(Printable(note, kNoteBytesMax));
}

grpc::Status AdminService::StartPrewarm(grpc::ServerContext*, const admin::v1::StartPrewarmRequest* request,
                                        admin::v1::Job* reply) {
  return Answer(context_.prewarmer.Start(*request), reply);
}

grpc::Status AdminService::ListJobs(grpc::ServerContext*, const admin::v1::ListJobsRequest*,
                                    admin::v1::ListJobsResponse* reply) {
  for (auto& job : context_.prewarmer.List()) *reply->add_jobs() = std::move(job);
  return grpc::Status::OK;
}

grpc::Status AdminService::CancelJob(grpc::ServerContext*, const admin::v1::JobRequest* request,
                                     admin::v1::Job* reply) {
  return Answer(context_.prewarmer.Cancel(request->id()), reply);
}

grpc::Status AdminService::ForgetJob(grpc::ServerContext*, const admin::v1::JobRequest* request,
                                     admin::v1::Job* reply) {
  return Answer(context_.prewarmer.Forget(request->id()), reply);
}

grpc::Status AdminService::SetJobLimit(grpc::ServerContext*, const admin::v1::SetJobLimitRequest* request,
                                       admin::v1::Job* reply) {
  return Answer(context_.prewarmer.SetLimit(request->id(), request->limit_bytes_per_second()), reply);
}

grpc::Status AdminService::WatchJob(grpc::ServerContext* context, const admin::v1::JobRequest* request,
                                    grpc::ServerWriter<admin::v1::Job>* writer) {
  constexpr Duration kPeriod = std::chrono::milliseconds(250);
  for (Duration wait{0};; wait = kPeriod) {
    const auto job = context_.prewarmer.Await(request->id(), wait);
    if (!job.ok()) return ToGrpc(job.status());
    if (!writer->Write(*job) || context->IsCancelled()) return grpc::Status::CANCELLED;
    if (job->state() != admin::v1::Job::RUNNING && job->state() != admin::v1::Job::WAITING) return grpc::Status::OK;
  }
}

grpc::Status AdminService::SetThrottle(grpc::ServerContext*, const admin::v1::SetThrottleRequest* request,
                                       admin::v1::Throttle* reply) {
  cache::ReadLimits* limits = &context_.node_limits;
  std::shared_ptr<Mount> mount;
  if (request->dataset() != "node") {
    auto found = context_.mounts.Find(request->dataset());
    if (!found.ok()) return ToGrpc(found.status());
    mount = *std::move(found);
    limits = &mount->dataset->limits();
  }
  const admin::v1::Throttle& wanted = request->throttle();
  io::RunOn(context_.loop, [&] { limits->Set(wanted.read_bytes_per_second(), wanted.requests_per_second()); });
  *reply = wanted;
  return grpc::Status::OK;
}

StatusOr<AdminService::Objects> AdminService::CachedObjects(const admin::v1::FilesRequest& request) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<Mount> mount, context_.mounts.Find(request.dataset()));
  const Patterns patterns({request.patterns().begin(), request.patterns().end()});
  Objects objects;
  for (auto& object : context_.cache.store().Objects()) {
    if (object->version.dataset != mount->dataset->options().identity) continue;
    if (patterns.Matches(object->version.path)) objects.push_back(std::move(object));
  }
  return objects;
}

io::Task<sluice::Status> AdminService::EvictAll(Objects objects, admin::v1::FilesResult* result) {
  for (const auto& object : objects) {
    const uint64_t freed_bytes = co_await context_.cache.store().Evict(object);
    if (object->cached_blocks() > 0) result->set_files_in_use(result->files_in_use() + 1);
    if (freed_bytes == 0) continue;
    result->set_files(result->files() + 1);
    result->set_bytes(result->bytes() + freed_bytes);
  }
  co_return absl::OkStatus();
}

grpc::Status AdminService::Evict(grpc::ServerContext*, const admin::v1::FilesRequest* request,
                                 admin::v1::FilesResult* reply) {
  auto objects = CachedObjects(*request);
  if (!objects.ok()) return ToGrpc(objects.status());
  return ToGrpc(io::CallOn(context_.loop, EvictAll(*std::move(objects), reply)));
}

io::Task<sluice::Status> AdminService::VerifyAll(Objects objects, admin::v1::FilesResult* result) {
  for (const auto& object : objects) {
    for (uint32_t block = 0; block < object->block_count(); ++block) {
      if (object->TierOf(block)) result->set_bytes(result->bytes() + object->BlockLength(block));
    }
    result->set_bad_blocks(result->bad_blocks() + co_await context_.cache.store().Verify(object));
    result->set_files(result->files() + 1);
  }
  co_return absl::OkStatus();
}

grpc::Status AdminService::Verify(grpc::ServerContext*, const admin::v1::FilesRequest* request,
                                  admin::v1::FilesResult* reply) {
  auto objects = CachedObjects(*request);
  if (!objects.ok()) return ToGrpc(objects.status());
  return ToGrpc(io::CallOn(context_.loop, VerifyAll(*std::move(objects), reply)));
}

io::Task<sluice::Status> AdminService::PinAll(std::shared_ptr<Mount> mount, Patterns patterns, bool pinned,
                                              admin::v1::FilesResult* result) {
  Walker walker(*mount->dataset, patterns);
  for (;;) {
    CO_ASSIGN_OR_RETURN(const std::optional<cache::Node> node, co_await walker.Next());
    if (!node) co_return absl::OkStatus();
    CO_ASSIGN_OR_RETURN(const std::shared_ptr<cache::Object> object, mount->dataset->AcquireObject(node->ino));
    if (object->pinned != pinned) context_.cache.store().SetPinned(object, pinned);
    context_.cache.store().Release(object);
    result->set_files(result->files() + 1);
    result->set_bytes(result->bytes() + node->entry.size_bytes);
  }
}

grpc::Status AdminService::SetPinned(const admin::v1::FilesRequest& request, bool pinned,
                                     admin::v1::FilesResult* result) {
  auto mount = context_.mounts.Find(request.dataset());
  if (!mount.ok()) return ToGrpc(mount.status());
  Patterns patterns({request.patterns().begin(), request.patterns().end()});
  return ToGrpc(io::CallOn(context_.loop, PinAll(*std::move(mount), std::move(patterns), pinned, result)));
}

grpc::Status AdminService::Pin(grpc::ServerContext*, const admin::v1::FilesRequest* request,
                               admin::v1::FilesResult* reply) {
  return SetPinned(*request, true, reply);
}

grpc::Status AdminService::Unpin(grpc::ServerContext*, const admin::v1::FilesRequest* request,
                                 admin::v1::FilesResult* reply) {
  return SetPinned(*request, false, reply);
}

grpc::Status AdminService::RecordAccesses(grpc::ServerContext* context, const admin::v1::RecordAccessesRequest* request,
                                          grpc::ServerWriter<admin::v1::Accesses>* writer) {
  return ToGrpc(StreamAccesses(context_.cache.store().accesses(), *request, *context, *writer));
}

}  // namespace sluice::daemon

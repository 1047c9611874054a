#include "daemon/mounts.h"

#include <absl/cleanup/cleanup.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>

#include "common/suggest.h"
#include "daemon/volume_cache.h"
#include "io/call.h"

namespace sluice::daemon {
namespace {

cache::Consistency ConsistencyOf(const std::string& name) {
  if (name == "immutable") return cache::Consistency::kImmutable;
  if (name == "strong") return cache::Consistency::kStrong;
  return cache::Consistency::kEventual;
}

}  // namespace

StatusOr<std::shared_ptr<Contents>> Mounts::OpenContents(const broker::v1::VolumeSpec& spec) const {
  return Contents::Open(spec, {context_.sources, context_.retry, context_.source_directories});
}

StatusOr<bool> Mounts::OpenDataset(const broker::v1::Mount& request, Mount& mount) {
  const broker::v1::VolumeSpec& spec = request.volume();
  cache::DatasetOptions options;
  options.name = spec.volume_id();
  options.identity = IdentityOf(spec);
  options.consistency = ConsistencyOf(spec.consistency());
  options.metadata_ttl = Duration(spec.metadata_ttl_ns());
  options.block_size_bytes = static_cast<uint32_t>(spec.block_size_bytes());
  ASSIGN_OR_RETURN(options.cache_limits, CacheLimitsOf(spec));
  ASSIGN_OR_RETURN(CatalogDirectories::Begun catalog, catalogs_.Begin(spec, request.resume()));
  options.directory = std::move(catalog.path);
  options.keep = catalog.keep;
  ASSIGN_OR_RETURN(mount.dataset, cache::Dataset::Open(std::move(options), mount.source(), context_.cache,
                                                       context_.loop, context_.node_limits, &context_.throttled_ns));
  return catalog.is_outdated;
}

StatusOr<std::shared_ptr<Mount>> Mounts::Create(const broker::v1::Mount& request, UniqueFd fuse_fd) {
  const broker::v1::VolumeSpec& spec = request.volume();
  ASSIGN_OR_RETURN(std::shared_ptr<Contents> contents, OpenContents(spec));
  if (!request.resume() && !request.restored()) RETURN_IF_ERROR(io::CallOn(context_.loop, contents->Check()));
  const auto mount = std::make_shared<Mount>(spec, std::move(contents));
  mount->fuse_init = request.fuse_init();
  ASSIGN_OR_RETURN(const bool is_outdated, OpenDataset(request, *mount));
  // In force before anything is read.
  io::RunOn(context_.loop, [&] { mount->dataset->SetCacheLimits(mount->dataset->cache_limits()); });
  absl::Cleanup end_limits = [&] { io::RunOn(context_.loop, [&] { mount->dataset->EndCacheLimits(); }); };
  fuse::SessionOptions session;
  session.uri_of = [shown = mount.get()](std::string_view path) { return shown->contents()->UriOf(path); };
  session.uid = spec.uid();
  session.gid = spec.gid();
  session.file_mode = spec.file_mode();
  session.directory_mode = spec.directory_mode();
  session.access = spec.access();
  session.push_bytes_max = push_bytes_max_;
  session.ring = spec.ring();
  session.threads = session_threads_;
  session.resume = request.resume();
  session.backings.insert(request.backings().begin(), request.backings().end());
  ASSIGN_OR_RETURN(
      mount->session,
      fuse::Session::Start(std::move(fuse_fd), request.fuse_init(), std::move(session), *mount->dataset, context_.cache,
                           context_.loop, context_.backings, {context_.session_metrics, context_.open_files_metrics}));
  std::move(end_limits).Cancel();
  if (is_outdated) {
    ForgetNames(*mount);
    catalogs_.SetMounts(spec);
  }
  return mount;
}

// The kernel's names go, too.
void Mounts::ForgetNames(Mount& mount) {
  std::vector<std::string> names;
  for (const auto& node : mount.dataset->catalog().Children(cache::kRootIno, 0, SIZE_MAX))
    names.push_back(node.entry.name);
  for (const broker::v1::VolumeMount& shown : mount.spec()->mounts()) {
    names.push_back(shown.path().substr(0, shown.path().find('/')));
  }
  io::RunOn(context_.loop, [&] { mount.dataset->ForgetNames(); });
  mount.session->ForgetNames(names);
}

Status Mounts::Add(const broker::v1::Mount& request, UniqueFd fuse_fd) {
  const Status added = TryAdd(request, std::move(fuse_fd));
  const std::string& id = request.volume().volume_id();
  if (added.ok()) {
    failed_.Remove(id);
  } else if (added.code() != StatusCode::kAlreadyExists) {
    failed_.Add(id, added, context_.loop.clock().Wall());
  }
  return added;
}

Status Mounts::TryAdd(const broker::v1::Mount& request, UniqueFd fuse_fd) {
  const std::string& id = request.volume().volume_id();
  {
    const std::lock_guard lock(mutex_);
    if (mounts_.contains(id)) return AlreadyExists("volume {} is mounted already", id);
    if (mounts_.size() >= kMountsMax) return ResourceExhausted("{} volumes are mounted; that is the limit", kMountsMax);
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Mount> mount, Create(request, std::move(fuse_fd)));
  {
    const std::lock_guard lock(mutex_);
    if (!mounts_.emplace(id, mount).second) return AlreadyExists("volume {} is mounted already", id);
    context_.mounts_gauge.Set(static_cast<int64_t>(mounts_.size()));
  }
  LimitSession(*mount);  // the limits may be others since its session began
  spdlog::info("volume {} of {} is served{}", id, SourceText(request.volume()), request.resume() ? " again" : "");
  return absl::OkStatus();
}

void Mounts::Close(Mount& mount) {
  mount.closing = true;
  mount.session->Stop();
  io::CallOn(context_.loop, mount.session->files().Close());
  io::CallOn(context_.loop, mount.dataset->Close());
}

Status Mounts::Remove(const std::string& volume_id) {
  failed_.Remove(volume_id);
  std::shared_ptr<Mount> mount;
  {
    const std::lock_guard lock(mutex_);
    const auto found = mounts_.find(volume_id);
    if (found == mounts_.end()) return absl::OkStatus();
    mount = found->second;
    mounts_.erase(found);
    context_.mounts_gauge.Set(static_cast<int64_t>(mounts_.size()));
  }
  Close(*mount);
  io::RunOn(context_.loop, [&] { mount->dataset->EndCacheLimits(); });
  catalogs_.End(*mount->spec(), mount->dataset->catalog().Sync());
  spdlog::info("volume {} is no longer served", volume_id);
  return absl::OkStatus();
}

std::shared_ptr<Mount> Mounts::FindById(const std::string& volume_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = mounts_.find(volume_id);
  return found == mounts_.end() ? nullptr : found->second;
}

Status Mounts::Renew(const broker::v1::RenewCredentials& request) {
  const auto mount = FindById(request.volume_id());
  if (mount == nullptr) return NotFound("volume {} is not served", request.volume_id());
  mount->contents()->Renew(request.credentials());
  spdlog::info("volume {} has new credentials", request.volume_id());
  return absl::OkStatus();
}

Status Mounts::Change(const broker::v1::VolumeSpec& spec, const std::function<Status()>& commit) {
  const auto found = FindById(spec.volume_id());
  if (found == nullptr) return NotFound("volume {} is not served", spec.volume_id());
  Mount& mount = *found;
  const Mount::Spec before = mount.spec();
  ASSIGN_OR_RETURN(std::optional<cache::CacheLimits> limits, CacheLimitsOf(spec));
  std::shared_ptr<Contents> contents;
  if (!HaveSameMounts(*before, spec)) {
    ASSIGN_OR_RETURN(contents, OpenContents(spec));
    RETURN_IF_ERROR(io::CallOn(context_.loop, contents->Check()));
  }
  RETURN_IF_ERROR(commit());
  const bool has_other_names = contents != nullptr || before->consistency() != spec.consistency() ||
                               before->metadata_ttl_ns() != spec.metadata_ttl_ns();
  io::RunOn(context_.loop, [&] {
    mount.Become(spec, std::move(contents));
    mount.dataset->SetConsistency(ConsistencyOf(spec.consistency()), Duration(spec.metadata_ttl_ns()));
    mount.dataset->SetCacheLimits(std::move(limits));
  });
  mount.contents()->Renew(spec.credentials());
  if (has_other_names) ForgetNames(mount);
  catalogs_.SetMounts(spec);
  spdlog::info("volume {} is changed: {}", spec.volume_id(), SourceText(spec));
  return absl::OkStatus();
}

void Mounts::LimitSession(Mount& mount) const {
  mount.session->SetThreads(session_threads_);
  mount.session->SetPushBytes(push_bytes_max_);
}

void Mounts::SetSessionLimits(size_t threads, uint64_t push_bytes_max) {
  session_threads_ = threads;
  push_bytes_max_ = push_bytes_max;
  for (const auto& mount : All()) LimitSession(*mount);
}

void Mounts::StopAll() {
  for (const auto& mount : All()) Close(*mount);
}

StatusOr<std::shared_ptr<Mount>> Mounts::Find(const std::string& dataset) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = mounts_.find(dataset); found != mounts_.end()) return found->second;
  std::shared_ptr<Mount> by_source;
  std::vector<std::string_view> names;
  if (dataset.empty()) return NotFound("no dataset is given: write a volume's id, or its source");
  for (const auto& [id, mount] : mounts_) {
    names.push_back(id);
    if (mount->spec()->source() != dataset) continue;
    if (by_source != nullptr) return InvalidArgument("several volumes have the source {}; give the volume id", dataset);
    by_source = mount;
  }
  if (by_source != nullptr) return by_source;
  if (names.empty()) return NotFound("no dataset '{}': nothing is mounted", dataset);
  return NotFound("no dataset '{}'{}", dataset, DidYouMean(dataset, names));
}

Registry::Values Mounts::CachedBytes() const {
  Registry::Values values;
  for (const auto& mount : All()) {
    for (const auto& tier : context_.cache.store().tiers()) {
      const Labels labels = {{"volume", mount->volume_id()}, {"tier", std::string(tier->name())}};
      values.emplace_back(labels, static_cast<double>(mount->dataset->account().in(tier->index()).used_bytes()));
    }
  }
  return values;
}

bool Mounts::AnyServed() const {
  const auto mounts = All();
  return std::any_of(mounts.begin(), mounts.end(), [](const auto& mount) { return mount->session->serving(); });
}

std::vector<std::shared_ptr<Mount>> Mounts::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Mount>> mounts;
  for (const auto& [id, mount] : mounts_) mounts.push_back(mount);
  return mounts;
}

}  // namespace sluice::daemon

#include "fuse/open_files.h"

#include <spdlog/spdlog.h>

namespace sluice::fuse {
namespace {

Counter& Opens(Registry& registry, const char* path) {
  return registry.AddCounter("sluice_opens_total", "Files opened, by the way they are read", {{"path", path}});
}

}  // namespace

OpenFilesMetrics::OpenFilesMetrics(Registry& registry)
    : passthrough_opens(Opens(registry, "passthrough")),
      cached_opens(Opens(registry, "page-cache")),
      backing_files(registry.AddGauge("sluice_backing_files", "Cache files that the kernel reads by itself")) {}

OpenFiles::OpenFiles(cache::Dataset& dataset, cache::Cache& cache, io::Loop& loop, BackingBroker* broker,
                     OpenFilesMetrics& metrics)
    : dataset_(dataset), cache_(cache), loop_(loop), broker_(broker), metrics_(metrics), gate_(loop), opened_(loop) {
  if (broker_ == nullptr) forbidden_ = "this daemon has no broker";
}

OpenFiles::~OpenFiles() = default;

void OpenFiles::Forbid(std::string reason) {
  const std::lock_guard lock(mutex_);
  forbidden_ = std::move(reason);
}

std::map<cache::Ino, int32_t> OpenFiles::backing_ids() const {
  const std::lock_guard lock(mutex_);
  std::map<cache::Ino, int32_t> ids;
  for (const auto& [ino, backing] : backings_) ids[ino] = backing->id;
  return ids;
}

std::string OpenFiles::reason() const {
  const std::lock_guard lock(mutex_);
  if (!forbidden_.empty()) return forbidden_;
  std::string reasons;
  for (const auto& tier : cache_.store().tiers()) {
    const std::string& why = refused_[tier->index()];
    if (!why.empty()) reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", tier->name(), why);
  }
  return reasons;
}

bool OpenFiles::MayPassThrough(const cache::Object& object) const {
  if (!forbidden_.empty() || dataset_.throttled()) return false;
  if (const auto tier = object.WholeIn()) return refused_[*tier].empty();
  return object.block_count() > 0 && object.cached_blocks() == object.block_count();  // it may turn out to be whole
}

OpenFiles::Handle OpenFiles::AddHandle(cache::Ino ino, const cache::Object& object, int32_t backing_id) {
  // Counted before the kernel knows of it: a process that dies in between leaves one too many, never one too few.
  dataset_.catalog().AddHandle(ino, backing_id > 0);
  (backing_id > 0 ? metrics_.passthrough_opens : metrics_.cached_opens).Add();
  return {backing_id, !object.had_bad_bytes};
}

// nullopt: the inode's first handle is to get a backing file.
// REQUIRES: mutex_ is held.
std::optional<OpenFiles::Handle> OpenFiles::TakeHandle(cache::Ino ino, const cache::Object& object) {
  const cache::Catalog::Handles open = dataset_.catalog().HandlesOf(ino);
  if (const auto found = backings_.find(ino); found != backings_.end()) {
    // It may stand idle, left by a handle of before: the first new handle decides again.
    const bool passes = open.passthrough > 0 || (open.cached == 0 && !dataset_.throttled());
    if (passes && open.passthrough == 0 && (found->second->lost || IsChanged(object))) return std::nullopt;
    return AddHandle(ino, object, passes ? found->second->id : 0);
  }
  if (opening_.contains(ino)) return std::nullopt;
  if (open.cached > 0 || !MayPassThrough(object)) return AddHandle(ino, object, 0);
  return std::nullopt;
}

std::optional<OpenFiles::Handle> OpenFiles::TryOpen(cache::Ino ino) {
  const auto object = dataset_.ObjectOf(ino);
  if (!object.ok()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return TakeHandle(ino, **object);
}

io::Task<StatusOr<OpenFiles::Handle>> OpenFiles::Open(cache::Ino ino) {
  const io::Gate::Holder holder = gate_.Enter();
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<cache::Object> object, dataset_.ObjectOf(ino));
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto handle = TakeHandle(ino, *object)) co_return *handle;
      if (opening_.insert(ino).second) break;
    }
    co_await opened_.Wait();
  }
  co_await OpenBacking(ino, object);
  opened_.Notify();
  const std::lock_guard lock(mutex_);
  opening_.erase(ino);
  const auto found = backings_.find(ino);
  co_return AddHandle(ino, *object, found == backings_.end() ? 0 : found->second->id);
}

// Somebody else wrote to its cache file since it was proven.
bool OpenFiles::IsChanged(const cache::Object& object) const {
  const auto tier = object.WholeIn();
  return !tier || !object.IsAsLeft(*tier, cache_.store().ModifiedNs(object, *tier));
}

io::Task<void> OpenFiles::OpenBacking(cache::Ino ino, std::shared_ptr<cache::Object> object) {
  if (Backing* const old = BackingOf(ino); old != nullptr && !Drop(*old)) co_return;  // a handle uses it meanwhile
  cache_.store().DistrustIfChanged(*object);
  if (!cache_.store().IsSettled(*object)) {
    if (object->size() > kProveAtOpenBytesMax) {
      io::Spawn(cache_.store().Settle(object));
    } else {
      co_await cache_.store().Settle(object);
    }
  }
  if (!co_await cache_.checks().AwaitProof(object, dataset_.source())) co_return;
  const auto tier = object->WholeIn();
  if (!tier || !MakePlace()) co_return;
  const cache::Stay stay(*object);
  auto file = co_await cache_.store().OpenReadOnly(object, *tier);
  if (!file.ok()) co_return;  // reads will find out, and fetch it again
  const std::string& volume = dataset_.options().name;
  const auto id = co_await broker_->OpenBacking(volume, ino, *std::move(file));
  if (id.ok()) {
    if (stay.lost()) co_return broker_->CloseBacking(volume, ino);
    Keep(ino, object, *id);
    co_return;
  }
  spdlog::warn("volume {}: inode {} is read through the page cache: {}", volume, ino, Message(id.status()));
  if (id.status().code() != StatusCode::kFailedPrecondition) co_return;
  const std::lock_guard lock(mutex_);
  refused_[*tier] = Message(id.status());
}

void OpenFiles::Keep(cache::Ino ino, std::shared_ptr<cache::Object> object, int32_t id) {
  object->opens().fetch_add(1);
  auto backing = std::make_unique<Backing>(*this, ino, object, id);
  object->AddHolder(*backing);
  const std::lock_guard lock(mutex_);
  backings_[ino] = std::move(backing);
  metrics_.backing_files.Add(1);
}

void OpenFiles::Adopt(cache::Ino ino, int32_t backing_id) {
  auto object = dataset_.ObjectOf(ino);
  if (object.ok() && dataset_.catalog().HandlesOf(ino).passthrough > 0) {
    Keep(ino, *std::move(object), backing_id);
  } else {
    broker_->CloseBacking(dataset_.options().name, ino);
  }
}

bool OpenFiles::IsIdle(const Backing& backing) const {
  return dataset_.catalog().HandlesOf(backing.ino).passthrough == 0;
}

OpenFiles::Backing* OpenFiles::BackingOf(cache::Ino ino) {
  const std::lock_guard lock(mutex_);
  const auto found = backings_.find(ino);
  return found == backings_.end() ? nullptr : found->second.get();
}

// Closes a backing file that no handle uses.
bool OpenFiles::Drop(Backing& backing) {
  const std::lock_guard lock(mutex_);
  if (!IsIdle(backing)) return false;
  broker_->CloseBacking(dataset_.options().name, backing.ino);
  backing.object->RemoveHolder(backing);
  cache_.store().Release(backing.object);
  metrics_.backing_files.Add(-1);
  backings_.erase(backing.ino);
  return true;
}

// Room for one more backing file, if need be in place of one that no handle uses.
bool OpenFiles::MakePlace() {
  Backing* idle = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (backings_.size() < kBackingsMax) return true;
    for (const auto& [ino, backing] : backings_) {
      if (IsIdle(*backing)) idle = backing.get();
      if (idle != nullptr) break;
    }
  }
  return idle != nullptr && Drop(*idle);  // not when it was opened meanwhile
}

void OpenFiles::Release(cache::Ino ino, bool passthrough) {
  const cache::Catalog::Handles left = dataset_.catalog().RemoveHandle(ino, passthrough);
  if (left.passthrough > 0 || left.cached > 0) return;
  if (passthrough) {
    if (const auto object = dataset_.ObjectOf(ino); object.ok()) {
      loop_.Post([this, object = *object] { cache_.store().TouchAll(object); });
    }
  }
  dataset_.Closed(ino);
}

io::Task<void> OpenFiles::Close() {
  co_await gate_.Close();
  const std::lock_guard lock(mutex_);
  for (const auto& [ino, backing] : backings_) {
    backing->object->RemoveHolder(*backing);
    if (!IsIdle(*backing)) backing->object->read_by_kernel = true;
    cache_.store().Release(backing->object);
    metrics_.backing_files.Add(-1);
  }
  backings_.clear();
}

}  // namespace sluice::fuse

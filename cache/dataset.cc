#include "cache/dataset.h"

#include <algorithm>

namespace sluice::cache {
namespace {

// "For ever", as far as a kernel timeout goes.
constexpr Duration kAlways = std::chrono::hours(24 * 365);

}  // namespace

StatusOr<std::unique_ptr<Dataset>> Dataset::Open(DatasetOptions options, std::shared_ptr<source::Source> source,
                                                 Cache& cache, io::Loop& loop, ReadLimits& node_limits,
                                                 Counter* throttled_ns) {
  std::unique_ptr<Dataset> dataset(
      new Dataset(std::move(options), std::move(source), cache, loop, node_limits, throttled_ns));
  ASSIGN_OR_RETURN(dataset->catalog_, Catalog::Open(dataset->options_.directory, dataset->options_.keep));
  dataset->list_ahead_.emplace(*dataset->catalog_);
  return dataset;
}

Dataset::Dataset(DatasetOptions options, std::shared_ptr<source::Source> source, Cache& cache, io::Loop& loop,
                 ReadLimits& node_limits, Counter* throttled_ns)
    : options_(std::move(options)),
      consistency_(options_.consistency),
      metadata_ttl_ns_(options_.metadata_ttl.count()),
      source_(std::move(source)),
      cache_(cache),
      account_(cache.store().AccountOf(options_.identity)),
      cache_limits_(options_.cache_limits),
      loop_(loop),
      node_limits_(node_limits),
      limits_(loop, throttled_ns),
      gate_(loop) {}

Dataset::~Dataset() = default;

int64_t Dataset::NowNs() const {
  return std::chrono::duration_cast<Duration>(loop_.clock().Wall().time_since_epoch()).count();
}

bool Dataset::IsFresh(int64_t at_ns) const {
  if (at_ns == 0) return false;
  switch (consistency()) {
    case Consistency::kImmutable:
      return true;
    case Consistency::kEventual: {
      const int64_t age_ns = NowNs() - at_ns;
      return age_ns >= 0 && age_ns < metadata_ttl_ns_;  // below 0: the clock was turned back since
    }
    case Consistency::kStrong:
      return false;
  }
  return false;
}

bool Dataset::IsListed(Ino directory, int64_t since_ns) const {
  if (since_ns == 0 || consistency() == Consistency::kImmutable) return IsListed(directory);
  return catalog_->listed_ns(directory) >= since_ns;
}

Duration Dataset::valid_for() const {
  switch (consistency()) {
    case Consistency::kImmutable:
      return kAlways;
    case Consistency::kEventual:
      return Duration(metadata_ttl_ns_);
    case Consistency::kStrong:
      return Duration(0);
  }
  return Duration(0);
}

std::optional<LookupResult> Dataset::TryLookup(Ino directory, std::string_view name) const {
  if (auto node = catalog_->Find(directory, name); node && (IsFresh(node->confirmed_ns) || IsListed(directory))) {
    return LookupResult{std::move(node), valid_for()};
  } else if (!node && IsListed(directory)) {
    return LookupResult{std::nullopt, valid_for()};
  }
  return std::nullopt;
}

io::Task<StatusOr<LookupResult>> Dataset::Lookup(Ino directory, std::string name) {
  const io::Gate::Holder holder = gate_.Enter();
  if (auto known = TryLookup(directory, name)) co_return *std::move(known);
  if (!source::IsShowable(name)) co_return LookupResult{};
  int64_t asked_ns = 0;
  StatusOr<source::Entry> entry = NotFound("not asked yet");
  for (size_t count = 0; count < kBeginningsMax; ++count) {
    const uint64_t forgotten = names_forgotten_;
    asked_ns = NowNs();
    entry = co_await source_->Stat(source::JoinPath(catalog_->Path(directory), name));
    if (forgotten == names_forgotten_) break;
  }
  if (!entry.ok() && entry.status().code() != StatusCode::kNotFound) co_return entry.status();
  if (!entry.ok()) {
    catalog_->Remove(directory, name);
    // Not remembered: under "immutable" a name may still be listed later.
    co_return LookupResult{std::nullopt, consistency() == Consistency::kImmutable ? Duration(0) : valid_for()};
  }
  entry->name = name;
  CO_ASSIGN_OR_RETURN(Node node, catalog_->Put(directory, *entry, asked_ns));
  co_return LookupResult{std::move(node), valid_for()};
}

std::optional<std::vector<Node>> Dataset::TryChildren(Ino directory, Ino after, size_t count) const {
  // From the start the listing must be fresh; further on it goes on as it began.
  if (after == 0 && !IsListed(directory)) return std::nullopt;
  std::vector<Node> nodes = catalog_->Children(directory, after, count);
  if (nodes.empty() && catalog_->listed_ns(directory) == 0) return std::nullopt;
  return nodes;
}

io::Task<StatusOr<std::string>> Dataset::ReadLink(Ino ino) {
  const io::Gate::Holder holder = gate_.Enter();
  co_return co_await source_->ReadLink(catalog_->Path(ino));
}

StatusOr<std::shared_ptr<Object>> Dataset::AcquireObject(Ino ino) const {
  const auto node = catalog_->Get(ino);
  if (!node) return NotFound("inode {} is not of this volume", ino);
  if (node->entry.kind != source::Entry::Kind::kFile) return InvalidArgument("{} is no file", node->entry.name);
  const ObjectVersion version{options_.identity, catalog_->Path(ino), node->entry.version, node->entry.size_bytes,
                              options_.block_size_bytes};
  if (!CanCount(version)) {
    return DataLoss("the source says that {} has {} bytes; at most {} blocks of {} are possible", version.path,
                    version.size_bytes, kBlocksMax, FormatBytes(version.block_size_bytes));
  }
  return cache_.store().Acquire(version);
}

StatusOr<std::shared_ptr<Object>> Dataset::ObjectOf(Ino ino) {
  const std::lock_guard lock(objects_mutex_);
  if (const auto found = objects_.find(ino); found != objects_.end()) return found->second;
  ASSIGN_OR_RETURN(std::shared_ptr<Object> object, AcquireObject(ino));
  objects_[ino] = object;
  const Catalog::Handles handles = catalog_->HandlesOf(ino);
  if (handles.cached + handles.passthrough == 0) {
    unopened_.push_back(ino);
    if (unopened_.size() > kUnopenedMax) ForgetUnopened();
  }
  return object;
}

// REQUIRES: objects_mutex_ is held.
void Dataset::ForgetUnopened() {
  const Ino oldest = unopened_.front();
  unopened_.pop_front();
  const Catalog::Handles handles = catalog_->HandlesOf(oldest);
  const auto found = objects_.find(oldest);
  if (found == objects_.end() || handles.cached + handles.passthrough > 0) return;
  loop_.Post([this, object = std::move(found->second)] { cache_.store().Release(object); });
  objects_.erase(found);
}

void Dataset::Closed(Ino ino) {
  const std::lock_guard lock(objects_mutex_);
  const auto found = objects_.find(ino);
  if (found == objects_.end()) return;
  loop_.Post([this, object = std::move(found->second)] { cache_.store().Release(object); });
  objects_.erase(found);
}

io::Task<Status> Dataset::Confirm(Ino ino) {
  const io::Gate::Holder holder = gate_.Enter();
  const auto node = catalog_->Get(ino);
  if (!node) co_return NotFound("inode {} is not of this volume", ino);
  const auto entry = co_await source_->Stat(catalog_->Path(ino));
  if (!entry.ok()) {
    co_return entry.status().code() == StatusCode::kNotFound ? Aborted("{} is gone", node->entry.name) : entry.status();
  }
  if (entry->version != node->entry.version || entry->size_bytes != node->entry.size_bytes) {
    co_return Aborted("{} has been replaced", node->entry.name);
  }
  co_return absl::OkStatus();
}

std::optional<size_t> Dataset::TryRead(Ino ino, uint64_t offset_bytes, std::span<std::byte> target) {
  if (throttled()) return std::nullopt;
  const auto object = ObjectOf(ino);
  if (!object.ok()) return std::nullopt;
  const auto length = cache_.TryRead(*object, source_, offset_bytes, target);
  if (length) hit_bytes_.Add(*length);
  return length;
}

io::Task<StatusOr<size_t>> Dataset::Read(Ino ino, uint64_t offset_bytes, std::span<std::byte> target) {
  const io::Gate::Holder holder = gate_.Enter();
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<Object> object, ObjectOf(ino));
  const uint64_t size = object->size();
  if (offset_bytes < size) co_await PassLimits(std::min<uint64_t>(target.size(), size - offset_bytes));
  uint64_t missed_bytes = 0;
  auto length = co_await cache_.Read(object, source_, offset_bytes, target, &missed_bytes);
  miss_bytes_.Add(missed_bytes);
  if (length.ok()) hit_bytes_.Add(*length - std::min<uint64_t>(missed_bytes, *length));
  // To whoever has the file open it is the same whether the object was replaced or removed.
  if (length.status().code() == StatusCode::kNotFound) co_return Aborted("{}", Message(length.status()));
  co_return length;
}

void Dataset::ForgetNames() {
  ++names_forgotten_;
  catalog_->RemoveUnconfirmed(kRootIno, INT64_MAX);
  catalog_->SetListed(kRootIno, 0, 0);
}

void Dataset::SetCacheLimits(std::optional<CacheLimits> limits) {
  cache_limits_ = std::move(limits);
  cache_.store().SetLimits(account_, options_.name, cache_limits_);
}

void Dataset::EndCacheLimits() { cache_.store().EndLimits(account_, options_.name); }

io::Task<bool> Dataset::Prove(std::shared_ptr<Object> object) {
  const io::Gate::Holder holder = gate_.Enter();
  co_return co_await cache_.checks().Prove(std::move(object), source_, gate_);
}

io::Task<void> Dataset::PassLimits(uint64_t bytes) {
  co_await limits_.Pass(bytes);
  co_await node_limits_.Pass(bytes);
}

io::Task<void> Dataset::Close() {
  limits_.Set(0, 0);  // those who wait there go on
  co_await gate_.Close();
  const std::lock_guard lock(objects_mutex_);
  for (const auto& [ino, object] : objects_) cache_.store().Release(object);
  objects_.clear();
}

}  // namespace sluice::cache

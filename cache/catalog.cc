#include <absl/hash/hash.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "cache/catalog_record.h"

namespace sluice::cache {

Catalog::Catalog() : live_(0, ChildHash{this}, ChildEqual{this}) {}
Catalog::~Catalog() = default;

size_t Catalog::ChildHash::operator()(uint32_t index) const {
  const Record& record = *catalog->At(index);
  return absl::HashOf(record.parent, catalog->NameOf(record));
}
size_t Catalog::ChildHash::operator()(const ChildKey& key) const { return absl::HashOf(key.parent, key.name); }
bool Catalog::ChildEqual::operator()(uint32_t a, uint32_t b) const {
  const Record& record = *catalog->At(a);
  return a == b || (*this)(b, ChildKey{record.parent, catalog->NameOf(record)});
}
bool Catalog::ChildEqual::operator()(uint32_t index, const ChildKey& key) const {
  const Record& record = *catalog->At(index);
  return record.parent == key.parent && catalog->NameOf(record) == key.name;
}

Catalog::Record* Catalog::At(Ino ino) const {
  static_assert(sizeof(Record) == 64);
  return reinterpret_cast<Record*>(nodes_->at(MappedFile::kHeaderBytes + (ino - kRootIno) * sizeof(Record)));
}

std::string_view Catalog::NameOf(const Record& record) const {
  return {names_->at(record.name_offset), record.name_length};
}

uint64_t Catalog::node_count() const { return (nodes_->used_bytes() - MappedFile::kHeaderBytes) / sizeof(Record); }

Status Catalog::Sync() const {
  RETURN_IF_ERROR(names_->Sync());
  return nodes_->Sync();
}

Node Catalog::ToNode(Ino ino) const {
  const Record& record = *At(ino);
  Node node;
  node.ino = ino;
  node.parent = record.parent;
  node.confirmed_ns = record.confirmed_ns;
  node.entry.name = NameOf(record);
  node.entry.version = {names_->at(record.name_offset + record.name_length), record.version_length};
  node.entry.kind = static_cast<source::Entry::Kind>(record.kind);
  node.entry.executable = (record.flags & kNodeExecutable) != 0;
  node.entry.size_bytes = record.size_bytes;
  node.entry.mtime_ns = record.mtime_ns;
  return node;
}

std::optional<Node> Catalog::Get(Ino ino) const {
  const std::shared_lock lock(mutex_);
  if (ino < kRootIno || ino >= kRootIno + node_count()) return std::nullopt;
  return ToNode(ino);
}

std::string Catalog::Path(Ino ino) const {
  const std::shared_lock lock(mutex_);
  if (ino >= kRootIno + node_count()) return "";
  std::string path;
  for (; ino > kRootIno; ino = At(ino)->parent) {
    const std::string_view name = NameOf(*At(ino));
    path.insert(0, path.empty() ? std::string(name) : fmt::format("{}/", name));
  }
  return path;
}

std::optional<Node> Catalog::Find(Ino directory, std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found = live_.find(ChildKey{directory, name});
  if (found == live_.end()) return std::nullopt;
  return ToNode(*found);
}

std::vector<Node> Catalog::Children(Ino directory, Ino after, size_t count) const {
  const std::shared_lock lock(mutex_);
  std::vector<Node> nodes;
  const auto found = children_.find(static_cast<uint32_t>(directory));
  if (found == children_.end()) return nodes;
  auto at = std::upper_bound(found->second.begin(), found->second.end(), after);
  for (; at != found->second.end() && nodes.size() < count; ++at) nodes.push_back(ToNode(*at));
  return nodes;
}

std::vector<Ino> Catalog::Subdirectories(Ino directory, Ino after, size_t count) const {
  const std::shared_lock lock(mutex_);
  std::vector<Ino> directories;
  const auto found = children_.find(static_cast<uint32_t>(directory));
  if (found == children_.end()) return directories;
  const std::vector<uint32_t>& children = found->second;
  auto at = std::upper_bound(children.begin(), children.end(), after);
  const auto end = at + std::min<std::ptrdiff_t>(children.end() - at, kScanMax);
  for (; at != end && directories.size() < count; ++at) {
    if (At(*at)->kind == static_cast<uint8_t>(source::Entry::Kind::kDirectory)) directories.push_back(*at);
  }
  return directories;
}

StatusOr<Ino> Catalog::Append(Ino directory, const source::Entry& entry, int64_t now_ns) {
  const Ino ino = kRootIno + node_count();
  if (ino > kNodesMax) return ResourceExhausted("the volume has had {} entries; more cannot be shown", kNodesMax);
  if (entry.version.size() > UINT16_MAX) return InvalidArgument("the version of {} is too long", entry.name);
  const size_t text_bytes = entry.name.size() + entry.version.size();
  ASSIGN_OR_RETURN(const uint64_t name_offset, names_->Reserve(text_bytes));
  ASSIGN_OR_RETURN(const uint64_t node_offset, nodes_->Reserve(sizeof(Record)));
  std::memcpy(names_->at(name_offset), entry.name.data(), entry.name.size());
  std::memcpy(names_->at(name_offset + entry.name.size()), entry.version.data(), entry.version.size());
  Record record{};
  record.parent = directory;
  record.name_offset = name_offset;
  record.name_length = static_cast<uint16_t>(entry.name.size());
  record.version_length = static_cast<uint16_t>(entry.version.size());
  record.kind = static_cast<uint8_t>(entry.kind);
  record.flags = static_cast<uint8_t>(kNodeLive | (entry.executable ? kNodeExecutable : 0));
  record.size_bytes = entry.size_bytes;
  record.mtime_ns = entry.mtime_ns;
  record.confirmed_ns = now_ns;
  std::memcpy(nodes_->at(node_offset), &record, sizeof record);
  // Names first: a node that counts has its name, wherever the process dies.
  names_->Commit(text_bytes);
  nodes_->Commit(sizeof record);
  return ino;
}

bool Catalog::IsLive(Ino ino) const { return ino == kRootIno || (At(ino)->flags & kNodeLive) != 0; }

void Catalog::Count(const Record& record, bool live) {
  const uint64_t sign = live ? 1 : ~uint64_t{0};
  if (record.kind == static_cast<uint8_t>(source::Entry::Kind::kDirectory) && record.listed_ns == 0) unlisted_ += sign;
  if (record.kind != static_cast<uint8_t>(source::Entry::Kind::kFile)) return;
  totals_.files += sign;
  totals_.bytes += sign * record.size_bytes;
  if (record.size_bytes <= kSmallFileBytesMax) totals_.small_bytes += sign * record.size_bytes;
}

void Catalog::Unlink(Ino ino) {
  auto& siblings = children_[static_cast<uint32_t>(At(ino)->parent)];
  const auto at = std::lower_bound(siblings.begin(), siblings.end(), ino);
  if (at != siblings.end() && *at == ino) siblings.erase(at);
  Bury(ino);
}

// It and what is below it are live no more. Somebody may still be in a directory that is gone, and find what he asks
// the source for; that counts for nothing.
void Catalog::Bury(Ino ino) {
  const bool counted = IsLive(At(ino)->parent);
  std::vector<uint32_t> gone = {static_cast<uint32_t>(ino)};
  while (!gone.empty()) {
    const uint32_t next = gone.back();
    gone.pop_back();
    Record& record = *At(next);
    live_.erase(next);
    if (counted) Count(record, false);
    record.flags &= static_cast<uint8_t>(~kNodeLive);
    if (const auto below = children_.extract(next); !below.empty()) {
      gone.insert(gone.end(), below.mapped().begin(), below.mapped().end());
    }
  }
}

StatusOr<Node> Catalog::Put(Ino directory, const source::Entry& entry, int64_t now_ns) {
  using Kind = source::Entry::Kind;
  const std::unique_lock lock(mutex_);
  const auto found = live_.find(ChildKey{directory, entry.name});
  if (found != live_.end()) {
    const Ino ino = *found;
    const Node node = ToNode(ino);
    const bool hidden_by_directory =
        node.entry.kind == Kind::kDirectory && entry.kind != Kind::kDirectory && node.confirmed_ns == now_ns;
    const bool same = node.entry.kind == entry.kind &&
                      (entry.kind == Kind::kDirectory ||
                       (node.entry.size_bytes == entry.size_bytes && node.entry.version == entry.version));
    if (same || hidden_by_directory) {
      At(ino)->confirmed_ns = now_ns;
      return ToNode(ino);
    }
    Unlink(ino);
  }
  ASSIGN_OR_RETURN(const Ino ino, Append(directory, entry, now_ns));
  live_.insert(static_cast<uint32_t>(ino));
  if (IsLive(directory)) Count(*At(ino), true);
  children_[static_cast<uint32_t>(directory)].push_back(static_cast<uint32_t>(ino));
  return ToNode(ino);
}

void Catalog::Remove(Ino directory, std::string_view name) {
  const std::unique_lock lock(mutex_);
  const auto found = live_.find(ChildKey{directory, name});
  if (found != live_.end()) Unlink(*found);
}

void Catalog::RemoveUnconfirmed(Ino directory, int64_t since_ns) {
  const std::unique_lock lock(mutex_);
  auto& children = children_[static_cast<uint32_t>(directory)];
  std::vector<uint32_t> gone;
  std::erase_if(children, [&](uint32_t ino) {
    if (At(ino)->confirmed_ns >= since_ns) return false;
    gone.push_back(ino);
    return true;
  });
  for (const uint32_t ino : gone) Bury(ino);
}

Catalog::Handles Catalog::HandlesOf(Ino ino) const {
  const std::shared_lock lock(mutex_);
  if (ino <= kRootIno || ino >= kRootIno + node_count()) return {};
  Handles& handles = At(ino)->handles;
  return {std::atomic_ref(handles.cached).load(), std::atomic_ref(handles.passthrough).load()};
}

void Catalog::AddHandle(Ino ino, bool passthrough) {
  const std::shared_lock lock(mutex_);
  Handles& handles = At(ino)->handles;
  std::atomic_ref(passthrough ? handles.passthrough : handles.cached).fetch_add(1);
}

Catalog::Handles Catalog::RemoveHandle(Ino ino, bool passthrough) {
  {
    const std::shared_lock lock(mutex_);
    Handles& handles = At(ino)->handles;
    const std::atomic_ref count(passthrough ? handles.passthrough : handles.cached);
    uint32_t open = count.load();
    while (open > 0 && !count.compare_exchange_weak(open, open - 1)) {
    }
  }
  return HandlesOf(ino);
}

bool Catalog::no_open() const { return nodes_->note().load() == 1; }
void Catalog::SetNoOpen() { nodes_->note().store(1); }

int64_t Catalog::listed_ns(Ino directory) const {
  const std::shared_lock lock(mutex_);
  return At(directory)->listed_ns;
}

void Catalog::SetListed(Ino directory, int64_t now_ns, uint64_t hidden) {
  const std::unique_lock lock(mutex_);
  const bool counts = directory != kRootIno && IsLive(directory) && IsLive(At(directory)->parent);
  if (counts && At(directory)->listed_ns == 0 && now_ns != 0) --unlisted_;
  At(directory)->listed_ns = now_ns;
  At(directory)->hidden = hidden;
}

Catalog::Totals Catalog::totals() const {
  const std::shared_lock lock(mutex_);
  Totals totals = totals_;
  totals.listed = unlisted_ == 0 && At(kRootIno)->listed_ns != 0;
  return totals;
}

uint64_t Catalog::hidden_total() const {
  const std::shared_lock lock(mutex_);
  uint64_t total = 0;
  for (Ino ino = kRootIno; ino < kRootIno + node_count(); ++ino) {
    if (At(ino)->kind == static_cast<uint8_t>(source::Entry::Kind::kDirectory)) total += At(ino)->hidden;
  }
  return total;
}

}  // namespace sluice::cache

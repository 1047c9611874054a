// Catalog: what an earlier process, or an earlier mount, has left.
#include "cache/catalog_record.h"

namespace sluice::cache {
namespace {

constexpr uint64_t kMagic = 0x32746143'63696c53;  // "SlicCat2"

constexpr uint64_t kDeadMax = 100'000;

}  // namespace

StatusOr<std::unique_ptr<Catalog>> Catalog::Open(const std::string& directory, Keep keep) {
  auto catalog = Load(directory, keep);
  if (keep != Keep::kNames) return catalog;
  // Names can be asked for again: those that cannot be read, or are mostly gone, are not worth keeping.
  const bool damaged = catalog.status().code() == StatusCode::kDataLoss;
  if (damaged || (catalog.ok() && (*catalog)->IsMostlyDead())) return Load(directory, Keep::kNothing);
  return catalog;
}

bool Catalog::IsMostlyDead() const {
  const uint64_t dead = node_count() - 1 - live_.size();
  return dead > kDeadMax && dead > live_.size();
}

StatusOr<std::unique_ptr<Catalog>> Catalog::Load(const std::string& directory, Keep keep) {
  std::unique_ptr<Catalog> catalog(new Catalog);
  ASSIGN_OR_RETURN(catalog->nodes_, MappedFile::Open(directory + "/nodes", kMagic, keep != Keep::kNothing));
  ASSIGN_OR_RETURN(catalog->names_, MappedFile::Open(directory + "/names", kMagic, keep != Keep::kNothing));
  if (keep != Keep::kAll) catalog->nodes_->note().store(0);
  if (catalog->node_count() == 0) {
    source::Entry root;
    root.kind = source::Entry::Kind::kDirectory;
    RETURN_IF_ERROR(catalog->Append(0, root, 0).status());
  }
  RETURN_IF_ERROR(catalog->Rebuild(keep == Keep::kAll));
  return catalog;
}

bool Catalog::IsSound(Ino ino) const {
  constexpr auto kDirectory = static_cast<uint8_t>(source::Entry::Kind::kDirectory);
  const Record& record = *At(ino);
  const uint64_t names_bytes = names_->used_bytes();
  const uint64_t text_bytes = uint64_t{record.name_length} + record.version_length;
  if (record.name_offset > names_bytes || text_bytes > names_bytes - record.name_offset) return false;
  if (ino == kRootIno) return record.kind == kDirectory && record.parent == 0 && record.name_length == 0;
  return record.kind <= static_cast<uint8_t>(source::Entry::Kind::kSymlink) && record.parent >= kRootIno &&
         record.parent < ino && At(record.parent)->kind == kDirectory && source::IsShowable(NameOf(record));
}

Status Catalog::Rebuild(bool keep_handles) {
  if ((nodes_->used_bytes() - MappedFile::kHeaderBytes) % sizeof(Record) != 0) {
    return DataLoss("the catalog ends within a node");
  }
  for (Ino ino = kRootIno; ino < kRootIno + node_count(); ++ino) {
    if (!IsSound(ino)) return DataLoss("the catalog's node {} is damaged", ino);
    if (ino == kRootIno) continue;
    Record& record = *At(ino);
    if (!keep_handles && record.kind == static_cast<uint8_t>(source::Entry::Kind::kFile)) record.handles = {};
    if ((record.flags & kNodeLive) == 0) continue;
    if (!live_.insert(static_cast<uint32_t>(ino)).second) {
      return DataLoss("the catalog has '{}' of node {} twice", NameOf(record), record.parent);
    }
    if (IsLive(record.parent)) Count(record, true);
    children_[static_cast<uint32_t>(record.parent)].push_back(static_cast<uint32_t>(ino));
  }
  return absl::OkStatus();
}

}  // namespace sluice::cache

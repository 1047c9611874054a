#include "fuse/attributes.h"

namespace sluice::fuse {
namespace {

using source::Entry;

// Counts the file's blocks by medium, and gives its object back.
std::array<uint32_t, cache::kMedia> CountBlocks(Session& session, cache::Ino ino, uint32_t* total) {
  std::array<uint32_t, cache::kMedia> counts{};
  auto object = session.dataset().AcquireObject(ino);
  if (!object.ok()) return counts;
  *total = (*object)->block_count();
  for (uint32_t block = 0; block < *total; ++block) {
    if (const auto medium = (*object)->TierOf(block)) ++counts[*medium];
  }
  session.loop().Post([&session, object = *std::move(object)] { session.cache().store().Release(object); });
  return counts;
}

std::string TierNames(const std::array<uint32_t, cache::kMedia>& counts) {
  std::string names;
  for (size_t medium = 0; medium < cache::kMedia; ++medium) {
    if (counts[medium] == 0) continue;
    if (!names.empty()) names += '+';
    names += cache::kMediumNames[medium];
  }
  return names.empty() ? "none" : names;
}

}  // namespace

struct stat StatOf(const cache::Node& node, const SessionOptions& options) {
  struct stat st{};
  st.st_ino = node.ino;
  st.st_uid = options.uid;
  st.st_gid = options.gid;
  st.st_nlink = 1;
  st.st_blksize = 1 << 20;  // what `cp` and others read at a time
  st.st_size = static_cast<off_t>(node.entry.size_bytes);
  st.st_blocks = (st.st_size + 511) / 512;
  st.st_mtim.tv_sec = node.entry.mtime_ns / 1'000'000'000;
  st.st_mtim.tv_nsec = node.entry.mtime_ns % 1'000'000'000;
  st.st_ctim = st.st_atim = st.st_mtim;
  switch (node.entry.kind) {
    case Entry::Kind::kDirectory:
      st.st_mode = S_IFDIR | options.directory_mode;
      st.st_nlink = 2;
      break;
    case Entry::Kind::kSymlink:
      st.st_mode = S_IFLNK | 0777;
      break;
    case Entry::Kind::kFile:
      // Executable for whoever may read it.
      st.st_mode = S_IFREG | options.file_mode | (node.entry.executable ? (options.file_mode & 0444) >> 2 : 0);
      break;
  }
  return st;
}

void FillEntry(const cache::Node& node, const SessionOptions& options, Duration valid_for, fuse_entry_param* entry) {
  entry->ino = node.ino;
  entry->attr = StatOf(node, options);
  entry->attr_timeout = kAttributesValidSeconds;
  entry->entry_timeout = Seconds(valid_for);
}

std::optional<std::string> ExtendedAttribute(Session& session, cache::Ino ino, std::string_view name) {
  const auto node = session.dataset().Get(ino);
  if (!node || !name.starts_with("user.sluice.")) return std::nullopt;
  name.remove_prefix(std::string_view("user.sluice.").size());
  if (name == "source") {
    std::string uri = session.options().uri_of(session.dataset().catalog().Path(ino));
    return uri.empty() ? std::nullopt : std::optional(std::move(uri));
  }
  if (node->entry.kind != Entry::Kind::kFile) return std::nullopt;
  if (name == "version") return node->entry.version;
  uint32_t total = 0;
  if (name == "tier") return TierNames(CountBlocks(session, ino, &total));
  if (name == "cached") {
    const auto counts = CountBlocks(session, ino, &total);
    return fmt::format("{}/{} blocks", counts[0] + counts[1] + counts[2], total);
  }
  return std::nullopt;
}

}  // namespace sluice::fuse

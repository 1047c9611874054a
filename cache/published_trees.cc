#include "cache/published_trees.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cache/tree.h"

namespace sluice::cache {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifestSuffix = ".objects";

// Directories of a tree may be without the right to write: it is given back on the way down.
void DeleteTree(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(fs::symlink_status(path, ignored))) {
    fs::permissions(path, fs::perms::owner_all, ignored);
    for (const auto& entry : fs::directory_iterator(path, ignored)) DeleteTree(entry.path());
  }
  fs::remove(path, ignored);
}

}  // namespace

PublishedTrees::PublishedTrees(BlockStore& store, io::Loop& loop, io::BlockingPool& pool)
    : store_(store), loop_(loop), pool_(pool), gate_(loop), built_(loop) {}

PublishedTrees::~PublishedTrees() = default;

std::string PublishedTrees::DirectoryOf(uint8_t medium) const {
  return fmt::format("{}/{}", store_.tier(medium)->options().path, kDirectory);
}

void PublishedTrees::Load() {
  for (const auto& tier : store_.tiers()) LoadFrom(*tier);
}

void PublishedTrees::LoadFrom(const Tier& tier) {
  const fs::path directory(DirectoryOf(tier.index()));
  std::error_code error;
  fs::create_directory(directory, error);
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(kManifestSuffix)) continue;
    std::ifstream file(entry.path().string() + std::string(kManifestSuffix), std::ios::binary);
    TreeManifest head;
    file.read(reinterpret_cast<char*>(&head), sizeof head);
    if (!file || head.magic != TreeManifest::kMagic || !entry.is_directory() || name.find('.') != std::string::npos) {
      pool_.Start([path = entry.path()] { DeleteTree(path); });  // half made, or half deleted
      continue;
    }
    auto tree =
        std::make_shared<Tree>(TreeInfo{name, tier.index(), head.files, head.bytes, head.listed_ns, /*leased=*/true},
                               [this](Tree& gone) { Remove(gone); });
    ObjectId id;
    while (file.read(reinterpret_cast<char*>(id.bytes.data()), static_cast<std::streamsize>(id.bytes.size()))) {
      if (auto object = store_.Find(id)) tree->Hold(std::move(object));
    }
    trees_[name] = std::move(tree);
  }
}

void PublishedTrees::KeepLeased(const std::set<std::string>& mounted) {
  for (const auto& [name, tree] : trees_) tree->info.leased = mounted.contains(name);
}

StatusOr<UniqueFd> PublishedTrees::Lease(const std::string& name) {
  const auto found = trees_.find(name);
  if (found == trees_.end()) return NotFound("no tree {}", name);
  const std::string path = DirectoryOf(found->second->info.medium) + "/" + name;
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus(errno, path);
  found->second->info.leased = true;
  return directory;
}

void PublishedTrees::Release(const std::string& name) {
  if (const auto found = trees_.find(name); found != trees_.end()) found->second->info.leased = false;
}

std::optional<TreeInfo> PublishedTrees::Find(const std::string& name) const {
  const auto found = trees_.find(name);
  return found == trees_.end() ? std::nullopt : std::optional(found->second->info);
}

// The name goes at once, so that nobody mounts it any more; the links follow.
void PublishedTrees::Remove(Tree& tree) {
  const std::string path = DirectoryOf(tree.info.medium) + "/" + tree.info.name;
  const std::string gone = fmt::format("{}.gone{}", path, ++removed_);
  std::error_code error;
  fs::remove(path + std::string(kManifestSuffix), error);
  fs::rename(path, gone, error);
  spdlog::info("the published tree {} of {} files goes: its space is wanted", tree.info.name, tree.info.files);
  pool_.Start([gone] { DeleteTree(gone); });
  tree.EndHold();
  trees_.erase(tree.info.name);
}

Status PublishedTrees::WriteManifest(const Tree& tree) const {
  const std::string path = DirectoryOf(tree.info.medium) + "/" + tree.info.name + std::string(kManifestSuffix);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  TreeManifest head;
  head.listed_ns = tree.info.listed_ns;
  head.files = tree.info.files;
  head.bytes = tree.info.bytes;
  head.objects = tree.objects().size();
  file.write(reinterpret_cast<const char*>(&head), sizeof head);
  for (const auto& object : tree.objects()) {
    file.write(reinterpret_cast<const char*>(object->id.bytes.data()),
               static_cast<std::streamsize>(object->id.bytes.size()));
  }
  file.flush();
  return file ? absl::OkStatus() : ResourceExhausted("{} cannot be written", path);
}

}  // namespace sluice::cache

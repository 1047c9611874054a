#include "cache/published_trees.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
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
                               store_, [this](Tree& gone) { Remove(gone); });
    ObjectId id;
    while (file.read(reinterpret_cast<char*>(id.bytes.data()), static_cast<std::streamsize>(id.bytes.size()))) {
      auto object = store_.Find(id);
      if (object != nullptr && object->blocks_in(tier.index()) > 0) tree->Hold(std::move(object));
    }
    tree->is_torn = tree->objects().size() < head.objects;
    trees_[name] = std::move(tree);
  }
}

void PublishedTrees::KeepLeased(const std::set<std::string>& mounted) {
  for (const auto& [name, tree] : trees_) tree->info.leased = mounted.contains(name);
}

io::Task<StatusOr<UniqueFd>> PublishedTrees::Lease(std::string name) {
  const size_t unproven = (co_await Unproven(name)).size();
  const auto found = trees_.find(name);
  if (found == trees_.end()) co_return NotFound("no tree {}", name);
  Tree& tree = *found->second;
  if (tree.is_torn) co_return FailedPrecondition("files of the volume's tree have been replaced; it is made anew");
  if (unproven > 0) {
    co_return FailedPrecondition("{} of {} files are proven again after a restart, the others are on their way",
                                 tree.objects().size() - unproven, tree.objects().size());
  }
  const std::string path = DirectoryOf(tree.info.medium) + "/" + name;
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) co_return ErrnoStatus(errno, path);
  tree.info.leased = true;
  co_return directory;
}

io::Task<std::vector<std::shared_ptr<Object>>> PublishedTrees::Unproven(std::string name) {
  std::vector<std::shared_ptr<Object>> unproven;
  const auto found = trees_.find(name);
  if (found == trees_.end()) co_return unproven;
  const std::shared_ptr<Tree> tree = found->second;
  const uint8_t medium = tree->info.medium;
  const std::vector<std::shared_ptr<Object>> objects = tree->objects();
  for (size_t begin = 0; begin < objects.size(); begin += kBatch) {
    const std::span batch(objects.data() + begin, std::min(kBatch, objects.size() - begin));
    const auto as_left = co_await pool_.Run([&] {
      return std::ranges::all_of(
          batch, [&](const auto& object) { return object->IsAsLeft(medium, store_.ModifiedNs(*object, medium)); });
    });
    for (size_t i = 0; !as_left && i < batch.size(); ++i) store_.DistrustIfChanged(*batch[i]);
  }
  // Not on the way: what was proven may be found bad meanwhile.
  std::ranges::copy_if(objects, std::back_inserter(unproven),
                       [&](const auto& object) { return object->WholeIn() != medium; });
  tree->info.proven = unproven.empty();
  co_return unproven;
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

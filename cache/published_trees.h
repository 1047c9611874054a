// Trees of hard links to cache files, under a dataset's own names: what the plugin mounts for pods in place of FUSE.
//
//   TIER/published/NAME/…        directories and links; files of no bytes are files of their own
//   TIER/published/NAME.objects  which objects it holds, so that the next process holds them, too
//
// A tree is made when its dataset is listed to its end and all its files are in one tier and proven. Nothing leaves the
// files of a tree that is leased (mounted somewhere); one that is not goes, as a whole, when the space of one of its
// files is wanted. A process that finds a tree gives out no lease on it before it has proven its files itself.
//
// Threads:     on the loop; file system calls on the pool.
// Suspends:    Build, Lease, Unproven.
// Owns:        the directories `published` of the tiers; holds the objects of its trees.
// Limits:      16 bytes per file of a tree in memory and on disk; kBatch names are looked at at a time.
// Errors:      Build, Lease: FAILED_PRECONDITION with what stands in the way (not listed, not cached, not proven, a
//              symbolic link, …).
// Invariants:  a tree's names, sizes, times and modes are those that FUSE shows. It gets its name when it is whole, and
//              its manifest before that.
// Format:      docs/on-disk-format.md, "Published trees".
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "cache/block_store.h"
#include "cache/dataset.h"
#include "io/blocking_pool.h"

namespace sluice::cache {

struct TreeOptions {
  std::string name;  // a file name, of the volume
  mode_t file_mode = 0444;
  mode_t directory_mode = 0555;
  std::optional<uint8_t> medium;  // files elsewhere are brought there; none: where most of the bytes are
};

struct TreeInfo {
  std::string name;
  uint8_t medium = 0;
  uint64_t files = 0;
  uint64_t bytes = 0;
  int64_t listed_ns = 0;  // of the catalog that it was made from
  bool leased = false;
  bool proven = false;  // when Unproven looked last
};

class PublishedTrees {
 public:
  static constexpr size_t kBatch = 256;
  static constexpr const char* kDirectory = "published";  // of a tier

  PublishedTrees(BlockStore& store, io::Loop& loop, io::BlockingPool& pool);
  ~PublishedTrees();

  // Takes over the trees on disk, all of them leased until KeepLeased says which are. Before the loop runs.
  void Load();
  // The names of the trees that are mounted; no other is leased any more.
  void KeepLeased(const std::set<std::string>& mounted);

  // Makes the dataset's tree, or finds that it is there.
  io::Task<Status> Build(Dataset& dataset, TreeOptions options);
  // The tree's directory (O_PATH); nothing leaves its files until Release. NOT_FOUND.
  io::Task<StatusOr<UniqueFd>> Lease(std::string name);
  // Its objects that have a block which this process has not proven, or which somebody else has changed since. None of
  // a tree that is gone.
  io::Task<std::vector<std::shared_ptr<Object>>> Unproven(std::string name);
  void Release(const std::string& name);

  std::optional<TreeInfo> Find(const std::string& name) const;

  io::Task<void> Close() { return gate_.Close(); }

 private:
  class Tree;
  struct Link;

  void LoadFrom(const Tier& tier);
  void Remove(Tree& tree);
  std::string DirectoryOf(uint8_t medium) const;

  // build_tree.cc
  io::Task<StatusOr<uint8_t>> ChooseMedium(Dataset& dataset, std::optional<uint8_t> wanted);
  io::Task<Status> BuildNew(Dataset& dataset, TreeOptions options);
  io::Task<Status> LinkAll(Dataset& dataset, TreeOptions options, std::shared_ptr<Tree> tree, int root);
  io::Task<Status> Hold(std::shared_ptr<Object> object, std::shared_ptr<Tree> tree);
  Status WriteManifest(const Tree& tree) const;

  BlockStore& store_;
  io::Loop& loop_;
  io::BlockingPool& pool_;
  io::Gate gate_;
  io::Event built_;
  std::map<std::string, std::shared_ptr<Tree>> trees_;
  std::set<std::string> building_;
  uint64_t removed_ = 0;  // counts trees that went, for the names of what is being deleted
};

}  // namespace sluice::cache

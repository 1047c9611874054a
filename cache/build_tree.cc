// PublishedTrees: making a tree.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <filesystem>

#include "cache/tree.h"
#include "common/bytes.h"

namespace sluice::cache {

using Kind = source::Entry::Kind;

// One name of the tree, to be made on the pool.
struct PublishedTrees::Link {
  std::string path;        // below the tree's root
  std::string cache_file;  // below the tier's directory; empty: a directory, or a file of no bytes
  Kind kind = Kind::kFile;
  mode_t mode = 0;
  int64_t mtime_ns = 0;
};

namespace {

std::array<timespec, 2> TimesOf(int64_t mtime_ns) {
  const timespec time{mtime_ns / 1'000'000'000, mtime_ns % 1'000'000'000};
  return {time, time};
}

// The directories of a dataset, one after the other, and their children in batches.
class Walk {
 public:
  struct Batch {
    Ino directory;
    std::string path;
    std::vector<Node> nodes;
  };

  explicit Walk(const Catalog& catalog) : catalog_(catalog) { directories_.push_back({kRootIno, ""}); }

  // nullopt at the end. FAILED_PRECONDITION for a directory that was not listed to its end.
  StatusOr<std::optional<Batch>> Next() {
    while (!directories_.empty()) {
      const auto [ino, path] = directories_.back();
      if (catalog_.listed_ns(ino) == 0) return FailedPrecondition("'{}' has not been listed yet", path);
      std::vector<Node> nodes = catalog_.Children(ino, after_, PublishedTrees::kBatch);
      if (nodes.empty()) {
        directories_.pop_back();
        std::move(found_.begin(), found_.end(), std::back_inserter(directories_));
        found_.clear();
        after_ = 0;
        continue;
      }
      after_ = nodes.back().ino;
      for (const Node& node : nodes) {
        if (node.entry.kind == Kind::kSymlink) {
          return FailedPrecondition("'{}' is a symbolic link", source::JoinPath(path, node.entry.name));
        }
        if (node.entry.kind == Kind::kDirectory) {
          found_.push_back({node.ino, source::JoinPath(path, node.entry.name)});
        }
      }
      return std::optional(Batch{ino, path, std::move(nodes)});
    }
    return std::optional<Batch>();
  }

 private:
  const Catalog& catalog_;
  std::vector<std::pair<Ino, std::string>> directories_;
  std::vector<std::pair<Ino, std::string>> found_;  // in the directory that is being read
  Ino after_ = 0;
};

mode_t FileMode(const Node& node, mode_t mode) {
  return mode | (node.entry.executable ? (mode & 0444) >> 2 : 0);  // as FUSE shows it
}

}  // namespace

io::Task<Status> PublishedTrees::Build(Dataset& dataset, TreeOptions options) {
  const io::Gate::Holder holder = gate_.Enter();
  if (dataset.consistency() != Consistency::kImmutable) {
    co_return FailedPrecondition("only a volume with consistency 'immutable' can be published natively");
  }
  while (building_.contains(options.name)) co_await built_.Wait();
  if (const auto found = trees_.find(options.name); found != trees_.end()) {
    Tree& tree = *found->second;
    const bool current = tree.info.listed_ns == dataset.catalog().listed_ns(kRootIno) && !tree.is_torn;
    if (current && (!options.medium || *options.medium == tree.info.medium)) co_return absl::OkStatus();
    if (tree.info.leased && current) {
      co_return FailedPrecondition("the volume's tree in the {} tier is mounted; no other can be made before it is not",
                                   kMediumNames[tree.info.medium]);
    }
    if (tree.info.leased) co_return FailedPrecondition("an older tree of the volume is still mounted");
    Remove(tree);
  }
  building_.insert(options.name);
  const Status status = co_await BuildNew(dataset, options);
  building_.erase(options.name);
  built_.Notify();
  co_return status;
}

// The one that is wanted, or where most of the bytes are; on the way, whether all of them are there.
io::Task<StatusOr<uint8_t>> PublishedTrees::ChooseMedium(Dataset& dataset, std::optional<uint8_t> wanted) {
  std::array<uint64_t, kMedia> bytes{};
  uint64_t all = 0;
  Walk walk(dataset.catalog());
  for (;;) {
    CO_ASSIGN_OR_RETURN(const auto batch, walk.Next());
    if (!batch) break;
    for (const Node& node : batch->nodes) {
      if (node.entry.kind != Kind::kFile || node.entry.size_bytes == 0) continue;
      CO_ASSIGN_OR_RETURN(const std::shared_ptr<Object> object, dataset.AcquireObject(node.ino));
      const bool cached = object->cached_blocks() == object->block_count();
      for (uint8_t medium = 0; medium < kMedia; ++medium) {
        bytes[medium] += uint64_t{object->blocks_in(medium)} * object->block_size();
      }
      all += (node.entry.size_bytes + 4095) / 4096 * 4096;
      store_.Release(object);
      if (!cached)
        co_return FailedPrecondition("'{}' is not in the cache", source::JoinPath(batch->path, node.entry.name));
    }
    co_await loop_.Sleep(Duration(1));  // others' turn
  }
  if (wanted) {
    const Account::Part& part = dataset.account().in(*wanted);
    if (!part.is_limited() || part.CouldHold(all)) co_return *wanted;
    co_return FailedPrecondition("the volume's 'cache' leaves it {} of the {} tier, and its files take {}",
                                 FormatBytes(part.lasting_bytes()), kMediumNames[*wanted], FormatBytes(all));
  }
  // Where most of them are, of the tiers that have room for all.
  std::optional<uint8_t> chosen;
  bool tier_has_room = false;
  for (const auto& tier : store_.tiers()) {
    if (!tier->CouldHold(all)) continue;
    tier_has_room = true;
    if (!dataset.account().in(tier->index()).CouldHold(all)) continue;
    if (!chosen || bytes[tier->index()] > bytes[*chosen]) chosen = tier->index();
  }
  if (chosen) co_return *chosen;
  if (!tier_has_room) co_return FailedPrecondition("no tier has room for its {}", FormatBytes(all));
  co_return FailedPrecondition("the volume's 'cache' leaves it less of each tier than its files take, {}",
                               FormatBytes(all));
}

io::Task<Status> PublishedTrees::BuildNew(Dataset& dataset, TreeOptions options) {
  CO_ASSIGN_OR_RETURN(uint8_t medium, co_await ChooseMedium(dataset, options.medium));
  if (store_.tier(medium) == nullptr) medium = store_.tiers().front()->index();  // a dataset of no bytes
  TreeInfo info{options.name, medium, 0, 0, dataset.catalog().listed_ns(kRootIno), /*leased=*/true};
  // Leased until it is done: nothing may leave it half made.
  const auto tree = std::make_shared<Tree>(std::move(info), store_, [this](Tree& gone) { Remove(gone); });
  const std::string path = DirectoryOf(medium) + "/" + options.name;
  const std::string unfinished = fmt::format("{}.new{}", path, ++removed_);
  if (::mkdir(unfinished.c_str(), 0700) != 0) co_return ErrnoStatus(errno, unfinished);
  const UniqueFd root(::open(unfinished.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Status status = root.valid() ? co_await LinkAll(dataset, options, tree, root.get()) : ErrnoStatus(errno, unfinished);
  if (status.ok()) status = co_await pool_.Run([&] { return WriteManifest(*tree); });
  if (status.ok() && ::rename(unfinished.c_str(), path.c_str()) != 0) status = ErrnoStatus(errno, path);
  if (!status.ok()) {
    tree->EndHold();
    pool_.Start([unfinished] { std::filesystem::remove_all(unfinished); });
    co_return status;
  }
  tree->info.leased = false;
  tree->info.proven = true;
  trees_[options.name] = tree;
  spdlog::info("volume {}: {} files can be published natively from the {} tier", dataset.options().name,
               tree->info.files, kMediumNames[medium]);
  co_return absl::OkStatus();
}

// Every block of the object in the tree's tier, proven, and staying there.
io::Task<Status> PublishedTrees::Hold(std::shared_ptr<Object> object, std::shared_ptr<Tree> tree) {
  if (object->WholeIn() != tree->info.medium)
    co_await store_.Gather(object, tree->info.medium, BlockStore::Admission::kAlways);
  co_await store_.Seal(object);
  const auto whole_in = object->WholeIn();
  if (whole_in != tree->info.medium) {
    co_return FailedPrecondition(
        "'{}' is {}, not in the {} tier as a whole", object->version.path,
        whole_in ? fmt::format("in the {} tier and open", kMediumNames[*whole_in]) : "not cached as a whole",
        kMediumNames[tree->info.medium]);
  }
  tree->Hold(object);
  co_return absl::OkStatus();
}

namespace {

Status ToStatus(int result, const std::string& path) {
  return result == 0 ? absl::OkStatus() : ErrnoStatus(errno, path);
}

}  // namespace

io::Task<Status> PublishedTrees::LinkAll(Dataset& dataset, TreeOptions options, std::shared_ptr<Tree> tree, int root) {
  const int cache_files = store_.tier(tree->info.medium)->directory_fd();
  // One name; runs on the pool.
  const auto make = [root, cache_files](const Link& link) -> Status {
    const char* const path = link.path.c_str();
    if (link.kind == Kind::kDirectory) return ToStatus(::mkdirat(root, path, 0700), link.path);
    const auto times = TimesOf(link.mtime_ns);
    if (link.cache_file.empty()) {
      const UniqueFd file(::openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!file.valid()) return ErrnoStatus(errno, link.path);
    } else {
      struct stat st{};
      RETURN_IF_ERROR(ToStatus(::fstatat(cache_files, link.cache_file.c_str(), &st, AT_SYMLINK_NOFOLLOW), link.path));
      if (st.st_nlink > 1 && (st.st_mode & 07777) != link.mode) {
        return FailedPrecondition("'{}' is published with another mode by another volume", link.path);
      }
      RETURN_IF_ERROR(ToStatus(::linkat(cache_files, link.cache_file.c_str(), root, path, 0), link.path));
    }
    RETURN_IF_ERROR(ToStatus(::fchmodat(root, path, link.mode, 0), link.path));
    return ToStatus(::utimensat(root, path, times.data(), AT_SYMLINK_NOFOLLOW), link.path);
  };
  std::vector<Link> directories = {{".", "", Kind::kDirectory, options.directory_mode, 0}};
  Walk walk(dataset.catalog());
  for (;;) {
    CO_ASSIGN_OR_RETURN(const auto batch, walk.Next());
    if (!batch) break;
    if (gate_.closed()) co_return Cancelled("the daemon is ending");
    std::vector<Link> links;
    std::vector<std::shared_ptr<Object>> objects;  // whose files get the times of what they show
    for (const Node& node : batch->nodes) {
      Link link{source::JoinPath(batch->path, node.entry.name), "", node.entry.kind, FileMode(node, options.file_mode),
                node.entry.mtime_ns};
      if (node.entry.kind == Kind::kDirectory) {
        directories.push_back({link.path, "", link.kind, options.directory_mode, link.mtime_ns});
      } else if (node.entry.size_bytes > 0) {
        CO_ASSIGN_OR_RETURN(const std::shared_ptr<Object> object, dataset.AcquireObject(node.ino));
        (void)co_await dataset.Prove(object);  // what is not right is not there to be held
        const Status held = co_await Hold(object, tree);
        store_.Release(object);
        CO_RETURN_IF_ERROR(held);
        link.cache_file = Tier::FileName(object->id);
        objects.push_back(object);
      }
      tree->info.files += node.entry.kind == Kind::kFile ? 1 : 0;
      tree->info.bytes += node.entry.size_bytes;
      links.push_back(std::move(link));
    }
    std::vector<Object::Change> changes;
    for (const auto& object : objects) changes.emplace_back(*object, tree->info.medium);
    CO_RETURN_IF_ERROR(co_await pool_.Run([&]() -> Status {
      for (const Link& link : links) RETURN_IF_ERROR(make(link));
      return absl::OkStatus();
    }));
    for (size_t i = 0; i < objects.size(); ++i) changes[i].Done(store_.ModifiedNs(*objects[i], tree->info.medium));
  }
  // Directories get their modes and times when nothing changes in them any more.
  co_return co_await pool_.Run([&]() -> Status {
    for (auto at = directories.rbegin(); at != directories.rend(); ++at) {
      const auto times = TimesOf(at->mtime_ns);
      RETURN_IF_ERROR(ToStatus(::utimensat(root, at->path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), at->path));
      RETURN_IF_ERROR(ToStatus(::fchmodat(root, at->path.c_str(), at->mode, 0), at->path));
    }
    return absl::OkStatus();
  });
}

}  // namespace sluice::cache

// The names of one volume: an append-only table of nodes in two memory-mapped files.
//
// A node is one version of one entry of a directory, and its number is the inode number that the kernel knows. Nodes
// are never changed or reused: an object that changes gets a new node, and the old one lives on for whoever has it
// open. So inode numbers are stable while the volume is mounted, across any number of daemon restarts: a store to the
// mapped files is there for the next process, however this one ends. Another mount of the volume may keep the names
// (daemon/catalog_directories.h).
//
// Threads:     every method is thread-safe; one mutex.
// Owns:        the mapped files.
// Limits:      kNodesMax nodes; 64 bytes per node and its name in files that the kernel may page out, about 24 bytes
//              of memory per live name.
// Errors:      RESOURCE_EXHAUSTED when the disk has no room to grow the files. Open: DATA_LOSS for files that are none
//              of this version, or damaged.
// Invariants:  a child's number is greater than its directory's; a directory's children are in order of their numbers,
//              which makes a child's number its position in readdir, stable across restarts.
// Format:      docs/on-disk-format.md, "Catalog".
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "cache/mapped_file.h"
#include "common/bytes.h"
#include "common/status.h"
#include "source/source.h"

namespace sluice::cache {

using Ino = uint64_t;
inline constexpr Ino kRootIno = 1;

struct Node {
  Ino ino = 0;
  Ino parent = 0;
  source::Entry entry;
  int64_t confirmed_ns = 0;  // wall time at which the source last said so
};

class Catalog {
 public:
  static constexpr uint64_t kNodesMax = uint64_t{1} << 31;

  enum class Keep {
    kNothing,  // begin anew
    kNames,    // for another mount: what was listed, but no open handles
    kAll,      // the mount lives, an earlier process served it
  };
  // `directory` must exist.
  static StatusOr<std::unique_ptr<Catalog>> Open(const std::string& directory, Keep keep);
  // Writes everything to disk.
  Status Sync() const;
  ~Catalog();

  std::optional<Node> Get(Ino ino) const;
  // The path from the root; empty for the root and for unknown numbers.
  std::string Path(Ino ino) const;
  // The live child of that name.
  std::optional<Node> Find(Ino directory, std::string_view name) const;
  // Up to `count` live children with numbers greater than `after`.
  std::vector<Node> Children(Ino directory, Ino after, size_t count) const;
  // Up to `count` live directories among the children with numbers greater than `after`; looks at kScanMax children.
  static constexpr size_t kScanMax = 2048;
  std::vector<Ino> Subdirectories(Ino directory, Ino after, size_t count) const;
  uint64_t node_count() const;
  // Of the live files in live directories.
  static constexpr uint64_t kSmallFileBytesMax = 1 * kMiB;
  struct Totals {
    uint64_t files = 0;
    uint64_t bytes = 0;
    uint64_t small_bytes = 0;  // of files up to kSmallFileBytesMax
    bool listed = false;       // every directory has been listed to its end once, so these are all
  };
  Totals totals() const;

  // Says that the source has `entry` in `directory` now: confirms the node when nothing changed, else makes a new one
  // in its place. A directory hides a file of its name.
  StatusOr<Node> Put(Ino directory, const source::Entry& entry, int64_t now_ns);
  // The name is gone, with all that is below it.
  void Remove(Ino directory, std::string_view name);
  // Removes the children that were not confirmed since `since_ns`: what a complete listing no longer has.
  void RemoveUnconfirmed(Ino directory, int64_t since_ns);

  // The handles that are open on a file. They are counted here because they outlive the process: one that dies over an
  // open may leave a handle too many, never one too few.
  struct Handles {
    uint32_t cached = 0;       // the kernel reads through its page cache
    uint32_t passthrough = 0;  // the kernel reads the cache file itself
  };
  Handles HandlesOf(Ino ino) const;
  void AddHandle(Ino ino, bool passthrough);
  // Returns what is left.
  Handles RemoveHandle(Ino ino, bool passthrough);

  // The kernel was told that files need no opening; it does not forget.
  bool no_open() const;
  void SetNoOpen();

  // When the directory was listed to its end, and how many names of it cannot be shown; 0 when it never was.
  int64_t listed_ns(Ino directory) const;
  void SetListed(Ino directory, int64_t now_ns, uint64_t hidden);
  uint64_t hidden_total() const;

 private:
  struct Record;
  // Finds live nodes by (parent, name) without a copy of the name.
  struct ChildKey {
    Ino parent;
    std::string_view name;
  };
  struct ChildHash {
    using is_transparent = void;
    const Catalog* catalog;
    size_t operator()(uint32_t index) const;
    size_t operator()(const ChildKey& key) const;
  };
  struct ChildEqual {
    using is_transparent = void;
    const Catalog* catalog;
    bool operator()(uint32_t a, uint32_t b) const;
    bool operator()(uint32_t index, const ChildKey& key) const;
    bool operator()(const ChildKey& key, uint32_t index) const { return (*this)(index, key); }
  };

  Catalog();
  static StatusOr<std::unique_ptr<Catalog>> Load(const std::string& directory, Keep keep);
  bool IsMostlyDead() const;
  Record* At(Ino ino) const;
  std::string_view NameOf(const Record& record) const;
  Node ToNode(Ino ino) const;
  // The record leads nowhere but into the files: they are read as they are, whatever has become of them.
  bool IsSound(Ino ino) const;
  StatusOr<Ino> Append(Ino directory, const source::Entry& entry, int64_t now_ns);
  bool IsLive(Ino ino) const;
  void Count(const Record& record, bool live);
  void Unlink(Ino ino);
  void Bury(Ino ino);
  Status Rebuild(bool keep_handles);

  mutable std::shared_mutex mutex_;
  std::unique_ptr<MappedFile> nodes_;
  std::unique_ptr<MappedFile> names_;
  absl::flat_hash_set<uint32_t, ChildHash, ChildEqual> live_;
  absl::flat_hash_map<uint32_t, std::vector<uint32_t>> children_;  // by directory, ascending
  Totals totals_;                                                  // without `listed`
  uint64_t unlisted_ = 0;  // live directories in live directories that were never listed
};

}  // namespace sluice::cache

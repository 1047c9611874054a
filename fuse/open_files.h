// The open files of one mount, and how the kernel reads each: by itself from the cache file (passthrough), or through
// its page cache with requests to the daemon.
//
// The kernel wants all handles that are open on an inode to be of one kind, and with passthrough of one backing file;
// anything else is an error for the reader. So the first handle decides: passthrough when the object is whole in one
// tier, else the page cache; those that come while it is open are like it. (A file that is still being filled could be
// opened direct, and passed through beside that as soon as it is whole. But then whoever maps it from a direct handle
// fails from that moment on, and a reader's mmap must never fail for a fault of the cache.)
//
// A backing file stays open when its last handle goes, until its bytes are to leave the tier or another inode needs its
// place: opening it again costs a round trip to the plugin.
//
// Threads:     TryOpen, Release, path from any thread; Open, Adopt, Close on the loop.
// Suspends:    Open, Close.
// Owns:        the backing files of its mount, and a reference to each of their objects.
// Limits:      kBackingsMax backing files; beyond it, files are read through the page cache.
// Errors:      Open: the dataset's. A backing file that cannot be had is none: the file is read through the page cache.
// Invariants:  while a handle with passthrough is open, its object is whole, and nothing leaves its file.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "cache/dataset.h"
#include "common/metrics.h"
#include "fuse/backing_broker.h"

namespace sluice::fuse {

struct OpenFilesMetrics {
  explicit OpenFilesMetrics(Registry& registry);
  Counter& passthrough_opens;
  Counter& cached_opens;
  Gauge& backing_files;
};

class OpenFiles {
 public:
  static constexpr size_t kBackingsMax = 4096;  // the plugin's limit, too
  // An object up to this size that is whole but not proven, or not sealed yet, is at the open; a larger one behind it.
  static constexpr uint64_t kProveAtOpenBytesMax = 64 * kMiB;

  struct Handle {
    int32_t backing_id = 0;   // 0: read through the page cache
    bool keeps_pages = true;  // what the kernel has of the file
  };

  OpenFiles(cache::Dataset& dataset, cache::Cache& cache, io::Loop& loop, BackingBroker* broker,
            OpenFilesMetrics& metrics);
  ~OpenFiles();

  // Passthrough is not used; `reason` is shown to people. Before the first open.
  void Forbid(std::string reason);
  // Takes over a backing file that an earlier process had opened.
  void Adopt(cache::Ino ino, int32_t backing_id);

  // A handle, when that needs no waiting; else Open.
  std::optional<Handle> TryOpen(cache::Ino ino);
  io::Task<StatusOr<Handle>> Open(cache::Ino ino);
  void Release(cache::Ino ino, bool passthrough);

  // The open backing files, for whoever goes on with the mount. On the loop.
  std::map<cache::Ino, int32_t> backing_ids() const;

  // Why files are not passed through; empty when they are.
  std::string reason() const;

  // No new handles; the backing files are the kernel's alone from here on.
  io::Task<void> Close();

 private:
  struct Backing final : cache::FileHolder {
    Backing(OpenFiles& f, cache::Ino i, std::shared_ptr<cache::Object> o, int32_t b)
        : files(f), ino(i), object(std::move(o)), id(b) {}
    bool LetGo() override { return files.Drop(*this); }
    void OnLost() override { lost = true; }

    OpenFiles& files;
    const cache::Ino ino;
    const std::shared_ptr<cache::Object> object;
    const int32_t id;
    bool lost = false;  // it is not the object's file any more: no further handle gets it
  };

  std::optional<Handle> TakeHandle(cache::Ino ino, const cache::Object& object);
  Handle AddHandle(cache::Ino ino, const cache::Object& object, int32_t backing_id);
  bool MayPassThrough(const cache::Object& object) const;
  io::Task<void> OpenBacking(cache::Ino ino, std::shared_ptr<cache::Object> object);
  void Keep(cache::Ino ino, std::shared_ptr<cache::Object> object, int32_t id);
  bool Drop(Backing& backing);
  bool MakePlace();
  bool IsIdle(const Backing& backing) const;
  Backing* BackingOf(cache::Ino ino);
  bool IsChanged(const cache::Object& object) const;

  cache::Dataset& dataset_;
  cache::Cache& cache_;
  io::Loop& loop_;
  BackingBroker* const broker_;
  OpenFilesMetrics& metrics_;
  io::Gate gate_;
  io::Event opened_;

  mutable std::mutex mutex_;
  // GUARDED_BY mutex_; changed on the loop only
  absl::flat_hash_map<cache::Ino, std::unique_ptr<Backing>> backings_;
  absl::flat_hash_set<cache::Ino> opening_;         // whose first handle waits for its backing file
  std::array<std::string, cache::kMedia> refused_;  // why the kernel reads no file of that tier; empty: it does
  std::string forbidden_;
};

}  // namespace sluice::fuse

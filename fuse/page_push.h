// Puts the bytes of small files into the kernel's page cache ahead of their first read (FUSE_NOTIFY_STORE): what was
// just listed is likely to be read, and a read that finds its pages costs no request.
//
// Only what is cached in a tier is pushed, whole files, each once, and not what was read before its turn came. The
// kernel drops the pages when it wants their memory, and then asks as usual.
//
// Threads:     Add, OnRead, SetBytesMax and Stop from any; one thread of its own, begun by the first Add.
// Owns:        its queue and its thread. The session and the dataset must outlive it.
// Limits:      `bytes_max` of pages pushed in its life; kQueuedMax files wait, what comes beyond is left to be read.
// Errors:      a file that cannot be pushed is left to be read.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cache/dataset.h"
#include "common/metrics.h"

struct fuse_session;

namespace sluice::fuse {

class PagePush {
 public:
  static constexpr size_t kQueuedMax = 1 << 18;
  // The kernel learns of an inode when the lister takes the reply, which may be after the first try.
  static constexpr int kTriesMax = 8;

  PagePush(cache::Dataset& dataset, io::Loop& loop, uint64_t bytes_max, Counter& pushed_bytes)
      : dataset_(dataset), loop_(loop), pushed_bytes_(pushed_bytes), bytes_max_(bytes_max) {}
  ~PagePush() { Stop(); }

  // The kernel knows these inodes now.
  void Add(fuse_session* session, const std::vector<cache::Node>& nodes);
  // The kernel has asked for the file's bytes itself: it is not pushed any more. Cheap while nothing waits.
  void OnRead(cache::Ino ino);
  // For what comes from now on.
  void SetBytesMax(uint64_t bytes_max);
  // Returns when nothing is being pushed any more.
  void Stop();

 private:
  struct File {
    cache::Ino ino = 0;
    uint64_t size_bytes = 0;
    int tries = 0;
  };
  enum class Outcome { kDone, kNotYet, kLeft };
  enum class State { kWaiting, kTaken, kRead };  // taken: pushed, or being pushed; read: by its reader, before that

  void Run(fuse_session* session);
  // The next file to push; none: stop.
  std::optional<File> Next();
  Outcome Push(fuse_session* session, const File& file);
  void Settle(File file, Outcome outcome);
  void GiveBack(const File& file);  // its place, to others; with the mutex held

  cache::Dataset& dataset_;
  io::Loop& loop_;
  Counter& pushed_bytes_;

  std::atomic<bool> waiting_ = false;  // the queue is not empty; for OnRead, before it takes the lock
  std::mutex mutex_;
  std::condition_variable changed_;
  // GUARDED_BY mutex_
  uint64_t bytes_max_;
  std::deque<File> queue_;
  uint64_t taken_bytes_ = 0;  // of page cache, queued and pushed
  absl::flat_hash_map<cache::Ino, State> files_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace sluice::fuse

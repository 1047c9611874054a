// One FUSE mount, served: the only file that talks to libfuse's session.
//
// The descriptor comes from the plugin, which has mounted it and has read FUSE_INIT; its bytes are fed to libfuse here.
// After a restart of the daemon (resume) INIT was answered by an earlier process: it is fed under a number the
// kernel does not know, so that the answer is ignored, and then the kernel is told to send again whatever it waits for.
//
// Threads:     Start and the destructor on one thread that is not the loop; `threads` of its own read requests.
//              SetThreads, SetPushBytes and ForgetNames from any thread but the loop and these.
// Owns:        the descriptor and its threads. The dataset, the loop and the metrics must outlive it.
// Limits:      kRequestBytesMax per read; kBackgroundMax requests that the kernel sends without a waiting reader.
// Errors:      Start: FAILED_PRECONDITION when the kernel or libfuse refuses the session.
// Invariants:  no state behind file handles or look-up counts: every request carries its inode number, and inode
//              numbers outlive the process. A handle's number only says whether it is read with passthrough.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cache/dataset.h"
#include "common/metrics.h"
#include "common/unique_fd.h"
#include "fuse/open_files.h"
#include "fuse/page_push.h"
#include "fuse/profile.h"

struct fuse_session;

namespace sluice::fuse {

struct SessionOptions {
  // Of what stands at a path of the volume: shown as user.sluice.source. Any thread.
  std::function<std::string(std::string_view path)> uri_of = [](std::string_view) { return std::string(); };
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t file_mode = 0444;
  mode_t directory_mode = 0555;
  std::string access = "auto";  // auto, large-files, small-files, native
  uint64_t push_bytes_max = 0;
  size_t threads = 2;
  bool ring = false;  // requests come over io_uring; such a session cannot be resumed
  bool resume = false;
  std::map<uint64_t, int32_t> backings;  // on resume: backing files that an earlier process had opened
};

struct SessionMetrics {
  explicit SessionMetrics(Registry& registry);
  Histogram& lookup;
  Histogram& open;
  Histogram& read;
  Histogram& readdir;
  Counter& read_bytes;
  Counter& pushed_bytes;
  Counter& errors;
};

class Session {
 public:
  static constexpr size_t kRequestBytesMax = 1 << 20;
  static constexpr unsigned kBackgroundMax = 64;

  // `init_bytes` is the FUSE_INIT request as it was read from the descriptor.
  struct Metrics {
    SessionMetrics& requests;
    OpenFilesMetrics& opens;
  };
  static StatusOr<std::unique_ptr<Session>> Start(UniqueFd fd, std::string init_bytes, SessionOptions options,
                                                  cache::Dataset& dataset, cache::Cache& cache, io::Loop& loop,
                                                  BackingBroker& broker, Metrics metrics);
  // Stops serving. Requests under way on the loop must have ended (OpenFiles::Close, Dataset::Close).
  ~Session();

  // No thread takes requests any more; those under way may go on. Idempotent.
  void Stop();
  bool stopped() const { return stopped_; }

  // From now on. At least one thread; returns when those that are too many have gone.
  void SetThreads(size_t count);
  void SetPushBytes(uint64_t bytes_max) { push_.SetBytesMax(bytes_max); }

  // The kernel asks for every name again. `names` are those in the root that it may know: kernels before 6.16 have to
  // be told of each. Not on the loop, and in no request: the kernel waits for answers to others.
  void ForgetNames(const std::vector<std::string>& names);

  // False: the kernel has ended the connection; it was unmounted.
  bool serving() const { return serving_ > 0; }
  const SessionOptions& options() const { return options_; }
  cache::Dataset& dataset() { return dataset_; }
  cache::Cache& cache() { return cache_; }
  io::Loop& loop() { return loop_; }
  OpenFiles& files() { return files_; }
  // The kernel's end; the session owns it.
  int fuse_fd() const;
  Profile& profile() { return profile_; }
  // The kernel was told of these nodes: their pages may be pushed.
  void OnListed(const std::vector<cache::Node>& nodes);
  // The kernel asks for bytes of this node: there is no need to push them.
  void OnRead(cache::Ino ino) { push_.OnRead(ino); }
  SessionMetrics& metrics() { return metrics_; }

 private:
  Session(SessionOptions options, cache::Dataset& dataset, cache::Cache& cache, io::Loop& loop, BackingBroker& broker,
          Metrics metrics);
  Status Begin(UniqueFd fd, std::string init_bytes);
  // A thread that reads requests, until the session ends or it is `dismissed`.
  struct Server {
    std::atomic<bool> dismissed{false};
    std::atomic<bool> gone{false};
    std::thread thread;
  };
  void AddServer();
  void Serve(Server& server, size_t number);
  void TakeRequests(const Server& server);
  // Wakes the last `count` threads until they have gone, and forgets them. REQUIRES: they were told to go.
  void AwaitServers(size_t count);

  const SessionOptions options_;
  cache::Dataset& dataset_;
  cache::Cache& cache_;
  io::Loop& loop_;
  SessionMetrics& metrics_;
  OpenFiles files_;
  Profile profile_;
  PagePush push_;
  fuse_session* session_ = nullptr;
  std::atomic<size_t> serving_{0};
  std::mutex servers_mutex_;
  std::vector<std::unique_ptr<Server>> servers_;  // GUARDED_BY servers_mutex_
  std::atomic<bool> stopped_{false};              // written under servers_mutex_
};

}  // namespace sluice::fuse

// The durable record of what is cached: a RocksDB database with one writer thread.
//
// Keys and values are bytes (cache/format.h makes them). Writes are queued and committed in groups without waiting for
// the disk: after a crash or power loss the index is some earlier state, and every block that it names is
// proven by its checksum before it is served. That is why no write here is ever synced.
//
// RocksDB and not SQLite: bench/index_bench measures both; third_party_notes/rocksdb.md has the figures.
//
// Threads:   Put, Delete and Drain from any thread; Scan before the first write, from one.
// Owns:      the database and its thread.
// Limits:    at most kQueuedMax queued changes; a further Put waits for the writer.
// Errors:    Open: FAILED_PRECONDITION when another process has it; a database that is damaged is moved aside and a
//            new one begun (the cache is cold then), which is logged. A write that fails is logged and counted.
// Format:    docs/on-disk-format.md, "Index".
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/status.h"

namespace rocksdb {
class DB;
}

namespace sluice::cache {

class Index {
 public:
  static constexpr size_t kQueuedMax = 65536;

  enum class Commits : uint8_t {
    kBehind,  // by the writer thread, in groups
    kAtOnce,  // one by one, before Put or Delete returns: there is no thread. For simulations
  };

  static StatusOr<std::unique_ptr<Index>> Open(const std::string& directory, Commits commits = Commits::kBehind);
  ~Index();  // commits what is queued

  // Every pair whose key begins with `prefix`, in order of the keys.
  Status Scan(std::string_view prefix, const std::function<void(std::string_view key, std::string_view value)>& visit);

  void Put(std::string key, std::string value);
  void Delete(std::string key);

  // Waits until everything queued before is committed.
  void Drain();

 private:
  struct Change {
    std::string key;
    std::string value;
    bool is_delete = false;
  };

  Index(std::unique_ptr<rocksdb::DB> database, Commits commits);
  void Enqueue(Change change);
  void WriteLoop();
  void Commit(const std::vector<Change>& changes);

  std::unique_ptr<rocksdb::DB> database_;
  const Commits commits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Change> queue_;
  bool committing_ = false;
  bool stop_ = false;
  std::thread writer_;
};

}  // namespace sluice::cache

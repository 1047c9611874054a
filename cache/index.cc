#include "cache/index.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace sluice::cache {
namespace {

rocksdb::Options DatabaseOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  // A cache index is small: a few MiB of write buffer keep an idle daemon small, too.
  options.write_buffer_size = 4u << 20;
  options.max_write_buffer_number = 2;
  options.max_total_wal_size = 16u << 20;
  options.max_background_jobs = 1;
  options.max_open_files = 64;
  options.compression = rocksdb::kNoCompression;
  options.info_log_level = rocksdb::ERROR_LEVEL;
  options.keep_log_file_num = 1;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  return options;
}

rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

StatusOr<std::unique_ptr<Index>> Index::Open(const std::string& directory, Commits commits) {
  rocksdb::DB* database = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(DatabaseOptions(), directory, &database);
  if (status.IsCorruption()) {
    const std::string aside = directory + ".damaged";
    spdlog::error("the cache index {} is damaged ({}); it is moved to {} and the cache starts cold", directory,
                  status.ToString(), aside);
    std::error_code ignored;
    std::filesystem::remove_all(aside, ignored);
    std::filesystem::rename(directory, aside, ignored);
    status = rocksdb::DB::Open(DatabaseOptions(), directory, &database);
  }
  if (!status.ok()) {
    return FailedPrecondition("the cache index {} cannot be opened: {}; is another sluiced running on it?", directory,
                              status.ToString());
  }
  return std::unique_ptr<Index>(new Index(std::unique_ptr<rocksdb::DB>(database), commits));
}

Index::Index(std::unique_ptr<rocksdb::DB> database, Commits commits)
    : database_(std::move(database)), commits_(commits) {
  if (commits_ == Commits::kAtOnce) return;
  writer_ = std::thread([this] { WriteLoop(); });
}

Index::~Index() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (writer_.joinable()) writer_.join();
}

Status Index::Scan(std::string_view prefix,
                   const std::function<void(std::string_view key, std::string_view value)>& visit) {
  const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(rocksdb::ReadOptions()));
  for (at->Seek(ToSlice(prefix)); at->Valid() && at->key().starts_with(ToSlice(prefix)); at->Next()) {
    visit({at->key().data(), at->key().size()}, {at->value().data(), at->value().size()});
  }
  if (!at->status().ok()) return DataLoss("the cache index is damaged: {}", at->status().ToString());
  return absl::OkStatus();
}

void Index::Put(std::string key, std::string value) { Enqueue({std::move(key), std::move(value), false}); }
void Index::Delete(std::string key) { Enqueue({std::move(key), "", true}); }

void Index::Enqueue(Change change) {
  if (commits_ == Commits::kAtOnce) return Commit({std::move(change)});
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.size() < kQueuedMax; });
  queue_.push_back(std::move(change));
  if (queue_.size() == 1) changed_.notify_all();
}

void Index::Drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !committing_; });
}

void Index::WriteLoop() {
  std::vector<Change> changes;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      committing_ = false;
      changed_.notify_all();
      changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      if (queue_.empty()) return;
      changes.clear();
      changes.swap(queue_);
      committing_ = true;
    }
    Commit(changes);
  }
}

void Index::Commit(const std::vector<Change>& changes) {
  rocksdb::WriteBatch batch;
  for (const Change& change : changes) {
    if (change.is_delete) {
      batch.Delete(ToSlice(change.key));
    } else {
      batch.Put(ToSlice(change.key), ToSlice(change.value));
    }
  }
  const rocksdb::Status status = database_->Write(rocksdb::WriteOptions(), &batch);
  if (!status.ok()) spdlog::error("{} changes to the cache index are lost: {}", changes.size(), status.ToString());
}

}  // namespace sluice::cache

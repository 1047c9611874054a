// Which database for the cache index: RocksDB or SQLite in WAL mode? Writes the records that the cache writes, in the
// groups that it writes them in, reads them all back as a restart does, and prints both in one run.
//
//   index_bench DIRECTORY [RECORDS]
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "cache/format.h"

namespace {

using sluice::cache::BlockRecord;
using sluice::cache::BlocksRecordKey;
using sluice::cache::ObjectId;

constexpr size_t kGroup = 64;  // changes that a busy writer finds queued

struct Record {
  std::string key;
  std::string value;
};

// A third of the records are written again, as blocks come and go.
std::vector<Record> MakeRecords(size_t count) {
  std::mt19937_64 random(1);
  std::vector<Record> records;
  records.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (i % 3 == 2) {
      records.push_back(records[random() % records.size()]);
      continue;
    }
    ObjectId id;
    for (auto& byte : id.bytes) byte = static_cast<uint8_t>(random());
    std::vector<BlockRecord> blocks(1 + random() % 8, BlockRecord{2, random()});
    records.push_back({BlocksRecordKey(id, 0), EncodeBlocks(blocks)});
  }
  return records;
}

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}
uint64_t DirectoryBytes(const std::string& path) {
  uint64_t total = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(path)) {
    if (file.is_regular_file()) total += file.file_size();
  }
  return total;
}

struct Result {
  double write_seconds, write_cpu_seconds, scan_seconds;
  size_t scanned;
  uint64_t disk_bytes;
};

Result RunRocksDb(const std::string& path, const std::vector<Record>& records) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 4u << 20;
  options.max_background_jobs = 1;
  options.compression = rocksdb::kNoCompression;
  rocksdb::DB* raw = nullptr;
  if (!rocksdb::DB::Open(options, path, &raw).ok()) std::abort();
  const std::unique_ptr<rocksdb::DB> db(raw);
  Result result{};
  const double start = Seconds();
  const double cpu = CpuSeconds();
  for (size_t i = 0; i < records.size(); i += kGroup) {
    rocksdb::WriteBatch batch;
    for (size_t j = i; j < std::min(i + kGroup, records.size()); ++j) batch.Put(records[j].key, records[j].value);
    if (!db->Write(rocksdb::WriteOptions(), &batch).ok()) std::abort();
  }
  result.write_seconds = Seconds() - start;
  result.write_cpu_seconds = CpuSeconds() - cpu;
  const double scan = Seconds();
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(rocksdb::ReadOptions()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) ++result.scanned;
  result.scan_seconds = Seconds() - scan;
  result.disk_bytes = DirectoryBytes(path);
  return result;
}

Result RunSqlite(const std::string& path, const std::vector<Record>& records) {
  std::filesystem::create_directories(path);
  sqlite3* db = nullptr;
  if (sqlite3_open((path + "/db").c_str(), &db) != SQLITE_OK) std::abort();
  // NORMAL: the weakest setting that power loss does not corrupt.
  sqlite3_exec(db,
               "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
               "CREATE TABLE records(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID",
               nullptr, nullptr, nullptr);
  sqlite3_stmt* put = nullptr;
  sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO records VALUES(?,?)", -1, &put, nullptr);
  Result result{};
  const double start = Seconds();
  const double cpu = CpuSeconds();
  for (size_t i = 0; i < records.size(); i += kGroup) {
    sqlite3_exec(db, "BEGIN", nullptr, nullptr, nullptr);
    for (size_t j = i; j < std::min(i + kGroup, records.size()); ++j) {
      sqlite3_bind_blob(put, 1, records[j].key.data(), static_cast<int>(records[j].key.size()), SQLITE_STATIC);
      sqlite3_bind_blob(put, 2, records[j].value.data(), static_cast<int>(records[j].value.size()), SQLITE_STATIC);
      if (sqlite3_step(put) != SQLITE_DONE) std::abort();
      sqlite3_reset(put);
    }
    sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
  }
  result.write_seconds = Seconds() - start;
  result.write_cpu_seconds = CpuSeconds() - cpu;
  const double scan = Seconds();
  sqlite3_stmt* all = nullptr;
  sqlite3_prepare_v2(db, "SELECT key, value FROM records ORDER BY key", -1, &all, nullptr);
  while (sqlite3_step(all) == SQLITE_ROW) ++result.scanned;
  result.scan_seconds = Seconds() - scan;
  sqlite3_finalize(all);
  sqlite3_finalize(put);
  result.disk_bytes = DirectoryBytes(path);
  sqlite3_close(db);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: index_bench DIRECTORY [RECORDS]\n");
    return 2;
  }
  const std::string directory = argv[1];
  const std::vector<Record> records = MakeRecords(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 300'000);
  std::printf("%zu records in groups of %zu, three interleaved rounds\n", records.size(), kGroup);
  std::printf("%-8s %12s %12s %12s %10s %10s\n", "", "writes/s", "CPU us/write", "scan rec/s", "MiB", "records");
  for (int round = 0; round < 3; ++round) {
    for (const bool rocks : {true, false}) {
      const std::string path = directory + (rocks ? "/rocksdb" : "/sqlite") + std::to_string(round);
      const Result r = rocks ? RunRocksDb(path, records) : RunSqlite(path, records);
      const auto n = static_cast<double>(records.size());
      std::printf("%-8s %12.0f %12.2f %12.0f %10.1f %10zu\n", rocks ? "rocksdb" : "sqlite", n / r.write_seconds,
                  r.write_cpu_seconds / n * 1e6, static_cast<double>(r.scanned) / r.scan_seconds,
                  static_cast<double>(r.disk_bytes) / 1048576.0, r.scanned);
      std::filesystem::remove_all(path);
    }
  }
}

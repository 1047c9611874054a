// A cache with one tier in a directory of its own, over a source that is a map of texts, on a loop that the test
// drives.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "cache/cache.h"
#include "tests/support/fake_source.h"
#include "tests/support/fault_file_io.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::cache {

inline constexpr uint32_t kBlock = 64 * 1024;

inline std::string RandomText(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

class CacheTest : public testing::Test {
 protected:
  CacheTest() { std::filesystem::create_directory(directory / "ssd"); }

  void Open(uint64_t quota_bytes = 64 * kMiB, const std::string& policy = "s3-fifo") {
    cache.reset();
    OpenTiers({{.medium = Medium::kSsd, .path = directory / "ssd", .quota_bytes = quota_bytes, .policy = policy}});
  }
  // The cache anew, with a DRAM tier of eight blocks (a directory like the other) above the SSD tier.
  void OpenTwoTiers() {
    if (cache != nullptr) CloseCache();
    std::filesystem::create_directory(directory / "dram");
    OpenTiers({{.medium = Medium::kDram, .path = directory / "dram", .quota_bytes = 8 * kBlock},
               {.medium = Medium::kSsd, .path = directory / "ssd", .quota_bytes = 64 * kBlock}});
  }
  void OpenTiers(std::vector<TierOptions> tiers) {
    metrics = std::make_unique<Registry>();
    CacheOptions options;
    options.store.tiers = std::move(tiers);
    options.store.index_directory = directory / "index";
    options.store.open_files_max = open_files_max;
    options.store.sealer = sealer;
    options.read_ahead_max_bytes = read_ahead_max_bytes;
    options.fill_memory_bytes = fill_memory_bytes;
    options.fetch_bytes_max = fetch_bytes_max;
    ASSERT_OK_AND_ASSIGN(cache, Cache::Open(options, loop, *io, *metrics));
  }
  void SetUp() override { Open(); }
  void TearDown() override {
    if (cache != nullptr) CloseCache();
  }
  void CloseCache() {
    loop.Block(CloseTask());
    cache.reset();
  }
  io::Task<int> CloseTask() {
    co_await cache->Close();
    co_return 0;
  }

  std::shared_ptr<Object> Acquire(const std::string& path, const std::string& dataset = "dataset") {
    const std::string& text = source.files[path];
    return cache->store().Acquire({dataset, path, FakeSource::VersionOf(text), text.size(), kBlock});
  }

  io::Task<StatusOr<std::string>> ReadTask(std::shared_ptr<Object> object, uint64_t offset, size_t length) {
    AlignedBuffer buffer(length);
    CO_ASSIGN_OR_RETURN(const size_t got, co_await cache->Read(object, shared_source, offset, buffer.span()));
    co_return std::string(reinterpret_cast<const char*>(buffer.data()), got);
  }
  StatusOr<std::string> Read(const std::shared_ptr<Object>& object, uint64_t offset, size_t length) {
    auto text = loop.Block(ReadTask(object, offset, length));
    Settle();
    return text;
  }
  // Lets what goes on behind a read come to its end.
  void Settle() { loop.Block(SettleTask()); }
  io::Task<int> SettleTask() {
    constexpr int kTurnsMax = 50;  // 1 s
    for (int turn = 0; turn < kTurnsMax; ++turn) {
      co_await loop.Sleep(std::chrono::milliseconds(20));
      if (metrics->Text().find("sluice_fill_memory_bytes 0") != std::string::npos) break;
    }
    co_return 0;
  }
  std::vector<std::string> CacheFiles() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "ssd")) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }

  uint64_t fill_memory_bytes = CacheOptions().fill_memory_bytes;
  uint64_t fetch_bytes_max = CacheOptions().fetch_bytes_max;
  uint64_t read_ahead_max_bytes = 0;
  uint64_t open_files_max = CacheOptions().store.open_files_max;
  io::Sealer* sealer = nullptr;
  TempDir directory;
  io::Loop loop;
  io::BlockingPool pool{loop, 2};
  std::unique_ptr<FaultFileIo> io = std::make_unique<FaultFileIo>(
      loop, io::Ring::Probe().ok() ? io::MakeUringFileIo(loop) : io::MakeThreadFileIo(pool));
  FakeSource source{loop};
  const std::shared_ptr<source::Source> shared_source{std::shared_ptr<void>(), &source};  // without a share
  std::unique_ptr<Registry> metrics;
  std::unique_ptr<Cache> cache;
};

inline io::Task<StatusOr<uint64_t>> WarmTask(Cache& cache, std::shared_ptr<source::Source> source,
                                             std::shared_ptr<Object> object) {
  co_return co_await cache.Warm(object, source, 0, object->block_count(), std::nullopt);
}

}  // namespace sluice::cache

// The parts that a read passes through, each alone: policies, checksum, listing parser, files, index.
//
//   microbench [--benchmark_filter=REGEX] [--benchmark_format=json]
//
// Files go to a directory below TMPDIR (/var/tmp when that is not set), which should be on the disk that is meant.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "cache/format.h"
#include "cache/index.h"
#include "cache/policy.h"
#include "common/bytes.h"
#include "io/file_io.h"
#include "io/sync.h"
#include "source/s3_listing.h"

namespace sluice::bench {
namespace {

// A directory that goes with its owner.
class Scratch {
 public:
  Scratch() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/var/tmp") + "/sluice-microbench-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

cache::BlockKey Key(uint32_t number) {
  cache::BlockKey key;
  const uint64_t spread = number * 0x9E3779B97F4A7C15ULL;  // ids are hashes
  std::memcpy(key.object.bytes.data(), &spread, sizeof spread);
  key.block = number;
  return key;
}

// Zipf's law over `count` keys.
std::vector<cache::BlockKey> ZipfTrace(size_t length, int count) {
  std::mt19937 random(1);
  std::vector<double> weights;
  for (int i = 1; i <= count; ++i) weights.push_back(1.0 / i);
  std::discrete_distribution<uint32_t> zipf(weights.begin(), weights.end());
  std::vector<cache::BlockKey> trace;
  for (size_t i = 0; i < length; ++i) trace.push_back(Key(zipf(random)));
  return trace;
}

// One read of a cache that holds a tenth of the blocks: touch, or admit, evict and insert.
void BM_Policy(benchmark::State& state, const std::string& name) {
  constexpr uint64_t kBlock = 1 << 20;
  constexpr int kBlocks = 100'000;
  constexpr size_t kCapacity = kBlocks / 10;
  static const std::vector<cache::BlockKey> kTrace = ZipfTrace(1 << 20, kBlocks);
  const auto policy = *cache::MakePolicy(name, kCapacity * kBlock);
  std::vector<bool> resident(kBlocks + 1);
  size_t at = 0;
  uint64_t hits = 0;
  for (auto _ : state) {
    const cache::BlockKey& key = kTrace[at++ % kTrace.size()];
    if (resident[key.block]) {
      policy->Touch(key, kBlock);
      ++hits;
      continue;
    }
    if (!policy->Admit(key, kBlock, policy->size() < kCapacity)) continue;
    while (policy->size() >= kCapacity) {
      const auto victim = policy->Victim([](const cache::BlockKey&) { return true; });
      resident[victim->block] = false;
      policy->Erase(*victim, true);
    }
    policy->Insert(key, kBlock);
    resident[key.block] = true;
  }
  state.counters["hit_ratio"] = static_cast<double>(hits) / static_cast<double>(state.iterations());
}
BENCHMARK_CAPTURE(BM_Policy, s3_fifo, std::string("s3-fifo"));
BENCHMARK_CAPTURE(BM_Policy, w_tinylfu, std::string("w-tinylfu"));
BENCHMARK_CAPTURE(BM_Policy, lru, std::string("lru"));

void BM_Checksum(benchmark::State& state) {
  const AlignedBuffer buffer(static_cast<size_t>(state.range(0)));
  std::memset(buffer.data(), 7, buffer.size());
  for (auto _ : state) benchmark::DoNotOptimize(XXH3_64bits(buffer.data(), buffer.size()));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Checksum)->Arg(4 << 10)->Arg(100 << 10)->Arg(1 << 20);

void BM_Listing(benchmark::State& state) {
  std::string page = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>";
  for (int64_t i = 0; i < state.range(0); ++i) {
    page += "<Contents><Key>images/train/n" + std::to_string(i) +
            ".jpg</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>" +
            "<ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><Size>102400</Size><StorageClass>STANDARD</"
            "StorageClass></Contents>";
  }
  page += "</ListBucketResult>";
  for (auto _ : state) {
    const auto parsed = source::ParseListing(page, "images/train/");
    if (!parsed.ok() || parsed->entries.size() != static_cast<size_t>(state.range(0))) {
      state.SkipWithError("the page was not understood");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(page.size()));
}
BENCHMARK(BM_Listing)->Arg(1000);

// A file of 64 MiB to read at random.
class ReadFile {
 public:
  static constexpr uint64_t kBytes = 64 << 20;

  explicit ReadFile(bool direct) {
    const UniqueFd out(open((scratch_ / "file").c_str(), O_WRONLY | O_CREAT, 0600));
    const AlignedBuffer buffer(1 << 20);
    std::memset(buffer.data(), 3, buffer.size());
    for (uint64_t at = 0; at < kBytes; at += buffer.size()) {
      if (write(out.get(), buffer.data(), buffer.size()) < 0) std::abort();
    }
    fdatasync(out.get());
    fd_ = UniqueFd(open((scratch_ / "file").c_str(), O_RDONLY | (direct ? O_DIRECT : 0)));
    if (fd_.get() < 0) std::abort();
  }
  int fd() const { return fd_.get(); }
  uint64_t Place(uint64_t bytes) { return random_() % (kBytes / bytes) * bytes; }

 private:
  Scratch scratch_;
  UniqueFd fd_;
  std::mt19937 random_{1};
};

// Arguments: bytes of a read, O_DIRECT or not.
void BM_Pread(benchmark::State& state) {
  ReadFile file(state.range(1) != 0);
  const auto bytes = static_cast<uint64_t>(state.range(0));
  const AlignedBuffer buffer(bytes);
  for (auto _ : state) {
    if (pread(file.fd(), buffer.data(), bytes, static_cast<off_t>(file.Place(bytes))) < 0) std::abort();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Pread)->ArgNames({"bytes", "direct"})->ArgsProduct({{4 << 10, 1 << 20}, {0, 1}})->UseRealTime();

io::Task<void> ReadSome(io::FileIo& files, ReadFile& file, AlignedBuffer& buffer, int count, io::Gate::Holder holder) {
  for (int i = 0; i < count; ++i) {
    const uint64_t place = file.Place(buffer.size());
    const Status status = co_await files.Read(file.fd(), buffer.span(), place);
    if (!status.ok()) std::abort();
  }
}

io::Task<int> ReadAll(io::Loop& loop, io::FileIo& files, ReadFile& file, std::vector<AlignedBuffer>& buffers,
                      int each) {
  io::Gate gate(loop);
  for (AlignedBuffer& buffer : buffers) {
    io::Gate::Holder holder = gate.Enter();
    io::Task<void> task = ReadSome(files, file, buffer, each, std::move(holder));
    io::Spawn(std::move(task));
  }
  io::Task<void> closed = gate.Close();
  co_await closed;
  co_return 0;
}

// Arguments: bytes of a read, O_DIRECT or not, reads under way at a time. The way a block is read from a tier.
void BM_FileIo(benchmark::State& state, bool ring) {
  constexpr int kEach = 16;
  ReadFile file(state.range(1) != 0);
  io::Loop loop(ring);
  io::BlockingPool pool(loop, 8);
  const auto files = ring ? io::MakeUringFileIo(loop) : io::MakeThreadFileIo(pool);
  std::vector<AlignedBuffer> buffers;
  for (int64_t i = 0; i < state.range(2); ++i) buffers.emplace_back(static_cast<size_t>(state.range(0)));
  for (auto _ : state) loop.Block(ReadAll(loop, *files, file, buffers, kEach));
  const int64_t reads = state.iterations() * kEach * state.range(2);
  state.SetItemsProcessed(reads);
  state.SetBytesProcessed(reads * state.range(0));
}
BENCHMARK_CAPTURE(BM_FileIo, ring, true)
    ->ArgNames({"bytes", "direct", "depth"})
    ->ArgsProduct({{4 << 10, 1 << 20}, {0, 1}, {1, 32}})
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_FileIo, threads, false)
    ->ArgNames({"bytes", "direct", "depth"})
    ->ArgsProduct({{4 << 10, 1 << 20}, {0, 1}, {1, 32}})
    ->UseRealTime();

// One change of one record as the cache makes it, with the writer's share: the queue is drained at the end.
void BM_IndexPut(benchmark::State& state) {
  const Scratch scratch;
  const auto index = *cache::Index::Open(scratch / "index");
  std::mt19937_64 random(1);
  for (auto _ : state) {
    cache::ObjectId id;
    for (auto& byte : id.bytes) byte = static_cast<uint8_t>(random());
    index->Put(cache::BlocksRecordKey(id, 0), cache::EncodeBlocks({4, cache::BlockRecord{2, random()}}));
  }
  index->Drain();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_IndexPut)->Iterations(200'000)->UseRealTime();

// Reading all records, as a restart does.
void BM_IndexScan(benchmark::State& state) {
  const Scratch scratch;
  {
    const auto index = *cache::Index::Open(scratch / "index");
    for (uint32_t i = 0; i < state.range(0); ++i) {
      index->Put(cache::BlocksRecordKey(Key(i).object, 0), cache::EncodeBlocks({4, cache::BlockRecord{2, i}}));
    }
  }
  const auto index = *cache::Index::Open(scratch / "index");
  for (auto _ : state) {
    int64_t records = 0;
    const Status status = index->Scan(
        std::string(1, cache::kObjectRecords),
        [&](std::string_view, std::string_view value) { records += cache::DecodeBlocks(value).ok() ? 1 : 0; });
    if (!status.ok() || records != state.range(0)) state.SkipWithError("records are missing");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_IndexScan)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::bench

BENCHMARK_MAIN();

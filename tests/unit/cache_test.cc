#include "cache/cache.h"

#include <xxhash.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "tests/support/cache_fixture.h"
#include "tests/support/matchers.h"

namespace sluice::cache {
namespace {

using namespace std::chrono_literals;

TEST_F(CacheTest, ReadsThroughAndThenFromTheTier) {
  source.files["f"] = RandomText(5 * kBlock + 100, 1);
  const auto object = Acquire("f");
  EXPECT_EQ(*Read(object, 0, 6 * kBlock), source.files["f"]);
  const uint64_t bytes = source.bytes_read;
  EXPECT_EQ(*Read(object, kBlock - 10, 20), source.files["f"].substr(kBlock - 10, 20));
  EXPECT_EQ(*Read(object, 5 * kBlock + 90, 1000), source.files["f"].substr(5 * kBlock + 90));
  EXPECT_EQ(*Read(object, 6 * kBlock, 10), "");
  EXPECT_EQ(source.bytes_read, bytes);
  std::string inline_read(1000, '\0');
  EXPECT_EQ(cache->TryRead(object, shared_source, 77, std::as_writable_bytes(std::span(inline_read))), 1000u);
  EXPECT_EQ(inline_read, source.files["f"].substr(77, 1000));
}

io::Task<void> CountedRead(CacheTest*, io::Task<StatusOr<std::string>> read, size_t* done, std::string* text) {
  const auto result = co_await read;
  if (result.ok()) *text = *result;
  ++*done;
}

TEST_F(CacheTest, OneFetchHoweverManyRead) {
  source.files["f"] = RandomText(2 * kBlock, 2);
  source.hold = true;
  const auto object = Acquire("f");
  size_t done = 0;
  std::vector<std::string> texts(50);
  for (auto& text : texts) io::Spawn(CountedRead(this, ReadTask(object, 10, 100), &done, &text));
  Settle();
  EXPECT_EQ(done, 0u);
  EXPECT_EQ(source.reads, 1u);
  source.Release();
  Settle();
  EXPECT_EQ(done, 50u);
  for (const auto& text : texts) EXPECT_EQ(text, source.files["f"].substr(10, 100));
  EXPECT_EQ(source.reads, 1u);
}

TEST_F(CacheTest, WarmAfterARestart) {
  source.files["f"] = RandomText(3 * kBlock, 3);
  ASSERT_OK(Read(Acquire("f"), 0, 3 * kBlock).status());
  CloseCache();
  Open();
  source.reads = 0;
  EXPECT_EQ(*Read(Acquire("f"), 0, 3 * kBlock), source.files["f"]);
  EXPECT_EQ(source.reads, 0u);
}

TEST_F(CacheTest, DamagedBytesAreNeverServed) {
  source.files["f"] = RandomText(3 * kBlock, 4);
  ASSERT_OK(Read(Acquire("f"), 0, 3 * kBlock).status());
  CloseCache();
  ASSERT_EQ(CacheFiles().size(), 1u);
  {
    std::fstream file(CacheFiles()[0], std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kBlock + 5);
    file << "damage";
  }
  Open();
  const auto object = Acquire("f");
  std::string inline_read(100, '\0');
  EXPECT_FALSE(cache->TryRead(object, shared_source, kBlock, std::as_writable_bytes(std::span(inline_read))))
      << "unproven bytes";
  EXPECT_EQ(*Read(object, 0, 3 * kBlock), source.files["f"]);
  EXPECT_EQ(cache->store().tier(1)->bad_blocks.value(), 1u);
}

TEST_F(CacheTest, FilesThatVanishAreAMiss) {
  source.files["f"] = RandomText(kBlock, 5);
  ASSERT_OK(Read(Acquire("f"), 0, kBlock).status());
  CloseCache();
  for (const auto& file : CacheFiles()) std::filesystem::remove(file);
  Open();
  EXPECT_EQ(*Read(Acquire("f"), 0, kBlock), source.files["f"]);
}

TEST_F(CacheTest, StrayFilesAreRemovedAtStart) {
  CloseCache();
  const std::string stray = directory / "ssd/objects/ab/abababababababababababababababab";
  std::ofstream(stray) << "written just before a crash";
  Open();
  EXPECT_FALSE(std::filesystem::exists(stray));
}

TEST_F(CacheTest, TheSourcesErrorIsTheReadersAndTheNextReadTriesAgain) {
  source.files["f"] = RandomText(kBlock, 6);
  source.read_failures = {Unavailable("the network is down")};
  const auto object = Acquire("f");
  EXPECT_TRUE(Fails(Read(object, 0, 10).status(), StatusCode::kUnavailable, "network"));
  EXPECT_EQ(*Read(object, 0, 10), source.files["f"].substr(0, 10));
}

TEST_F(CacheTest, AReplacedObjectIsAborted) {
  source.files["f"] = RandomText(4 * kBlock, 7);
  const auto object = Acquire("f");
  const std::string old = source.files["f"];
  EXPECT_EQ(*Read(object, 0, 10), old.substr(0, 10));
  source.files["f"] = RandomText(4 * kBlock, 8);
  EXPECT_EQ(*Read(object, 100, 10), old.substr(100, 10)) << "what is cached stays readable";
  EXPECT_TRUE(Fails(Read(object, 3 * kBlock, 10).status(), StatusCode::kAborted, "changed"));
}

class CachePolicyTest : public CacheTest, public testing::WithParamInterface<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(All, CachePolicyTest, testing::ValuesIn(kPolicyNames), [](const auto& info) {
  std::string name(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// Random reads against a model, in a tier that holds a sixth of the data; the quota holds at every step.
TEST_P(CachePolicyTest, RandomReadsAreRightWithinTheQuota) {
  CloseCache();
  constexpr uint64_t kQuota = 16 * kBlock;
  fill_memory_bytes = 16 * kBlock;  // or all that the policy refuses is read from the buffers of its fetches
  Open(kQuota, std::string(GetParam()));
  std::mt19937 random(9);
  for (int i = 0; i < 12; ++i)
    source.files["f" + std::to_string(i)] = RandomText(random() % (16 * kBlock) + 1, static_cast<uint32_t>(i));
  for (int i = 0; i < 600; ++i) {
    // What is read moves on: in reads that are all alike the policy would keep what it has, and evict no more.
    const std::string path = "f" + std::to_string((static_cast<uint32_t>(i) / 20 + random() % 4) % 12);
    const std::string& want = source.files[path];
    const uint64_t offset = random() % want.size();
    const size_t length = random() % (3 * kBlock) + 1;
    const auto object = Acquire(path);
    const auto got = loop.Block(ReadTask(object, offset, length));
    ASSERT_OK(got.status());
    ASSERT_EQ(*got, want.substr(offset, length)) << path << " at " << offset;
    ASSERT_LE(cache->store().tier(1)->used_bytes(), kQuota);
    cache->store().Release(object);
  }
  Settle();
  EXPECT_GT(cache->store().tier(1)->evictions.value(), 100u);
  uint64_t on_disk = 0;
  for (const auto& file : CacheFiles()) {
    struct stat st{};
    ASSERT_EQ(::stat(file.c_str(), &st), 0);
    on_disk += static_cast<uint64_t>(st.st_blocks) * 512;
  }
  EXPECT_LE(on_disk, kQuota + 12 * 4096) << "evicted blocks give their space back";
}

TEST_F(CacheTest, EvictFreesEverything) {
  source.files["f"] = RandomText(4 * kBlock, 10);
  const auto object = Acquire("f");
  ASSERT_OK(Read(object, 0, 4 * kBlock).status());
  EXPECT_EQ(loop.Block(cache->store().Evict(object)), 4 * kBlock);
  EXPECT_EQ(cache->store().tier(1)->used_bytes(), 0u);
  EXPECT_TRUE(CacheFiles().empty());
  EXPECT_EQ(*Read(object, 0, 4 * kBlock), source.files["f"]);
}

TEST_F(CacheTest, PinnedObjectsAreNeverVictims) {
  CloseCache();
  Open(8 * kBlock);
  source.files["pinned"] = RandomText(4 * kBlock, 11);
  source.files["other"] = RandomText(40 * kBlock, 12);
  const auto pinned = Acquire("pinned");
  cache->store().SetPinned(pinned, true);
  ASSERT_OK(Read(pinned, 0, 4 * kBlock).status());
  const auto other = Acquire("other");
  for (uint64_t block = 0; block < 40; ++block) ASSERT_OK(Read(other, block * kBlock, kBlock).status());
  EXPECT_EQ(pinned->cached_blocks(), 4u);
}

TEST_F(CacheTest, WarmFetchesWhatIsMissingOnly) {
  source.files["f"] = RandomText(8 * kBlock, 13);
  const auto object = Acquire("f");
  ASSERT_OK(Read(object, 2 * kBlock, kBlock).status());
  EXPECT_EQ(*loop.Block(WarmTask(*cache, shared_source, object)), 7 * kBlock);
  EXPECT_EQ(object->cached_blocks(), 8u);
  EXPECT_EQ(*loop.Block(WarmTask(*cache, shared_source, object)), 0u);
}

TEST_F(CacheTest, WarmSaysWhenNothingTakesIt) {
  CloseCache();
  Open(4 * kBlock);
  source.files["pinned"] = RandomText(4 * kBlock, 14);
  source.files["f"] = RandomText(4 * kBlock, 15);
  const auto pinned = Acquire("pinned");
  cache->store().SetPinned(pinned, true);
  ASSERT_OK(Read(pinned, 0, 4 * kBlock).status());
  EXPECT_TRUE(Fails(loop.Block(WarmTask(*cache, shared_source, Acquire("f"))).status(), StatusCode::kResourceExhausted,
                    "pinned"));
}

TEST_F(CacheTest, AReaderOvertakesAPrewarm) {
  source.files["f"] = RandomText(200 * kBlock, 16);
  source.hold = true;
  const auto object = Acquire("f");
  std::vector<std::string> texts(1);
  size_t done = 0;
  // More prewarms than may run at a time hold back; the reader's own block is fetched all the same.
  for (int i = 0; i < 40; ++i) {
    source.files["w" + std::to_string(i)] = RandomText(8 * kBlock, 100 + static_cast<uint32_t>(i));
    io::Spawn([](CacheTest* self, io::Task<StatusOr<uint64_t>> warm) -> io::Task<void> {
      (void)self;
      (void)co_await warm;
    }(this, WarmTask(*cache, shared_source, Acquire("w" + std::to_string(i)))));
  }
  Settle();
  const size_t before = source.reads;
  EXPECT_LT(before, 40u) << "no prewarm holds back";
  io::Spawn(CountedRead(this, ReadTask(object, 0, 100), &done, &texts[0]));
  Settle();
  EXPECT_EQ(source.reads, before + 1) << "the reader waits behind the prewarms";
  source.Release();
  while (done == 0) Settle();
  EXPECT_EQ(texts[0], source.files["f"].substr(0, 100));
}

TEST_F(CacheTest, APrewarmStepsBackBehindAReader) {
  constexpr size_t kFiles = 8;
  for (size_t i = 0; i <= kFiles; ++i) source.files[std::to_string(i)] = RandomText(kBlock, 50 + i);
  source.hold = true;
  size_t done = 0;
  std::string text;
  io::Spawn(CountedRead(this, ReadTask(Acquire("0"), 0, 100), &done, &text));
  Settle();
  std::vector<uint64_t> fetched(kFiles);
  for (size_t i = 0; i < kFiles; ++i) {
    io::Spawn([](io::Task<StatusOr<uint64_t>> warm, uint64_t* bytes) -> io::Task<void> {
      *bytes = (co_await warm).value_or(0);
    }(WarmTask(*cache, shared_source, Acquire(std::to_string(i + 1))), &fetched[i]));
  }
  Settle();
  EXPECT_EQ(source.reads, 1 + PrewarmPace::kLeast);
  source.Release();
  while (done == 0 || std::ranges::count(fetched, 0u) > 0) Settle();
  for (const uint64_t bytes : fetched) EXPECT_EQ(bytes, kBlock);
}

// A volume is unmounted while bytes ahead of its reader are fetched, or wait for that.
TEST_F(CacheTest, ASourceLivesAsLongAsItsFills) {
  fill_memory_bytes = 4 * kBlock;
  read_ahead_max_bytes = 32 * kBlock;
  CloseCache();
  Open();
  auto own = std::make_shared<FakeSource>(loop);
  const std::weak_ptr<FakeSource> watched = own;
  source.files["f"] = own->files["f"] = RandomText(40 * kBlock, 70);
  const auto object = Acquire("f");
  AlignedBuffer buffer(kBlock);
  ASSERT_OK(loop.Block(cache->Read(object, own, 0, buffer.span())).status());
  own.reset();
  EXPECT_FALSE(watched.expired());
  Settle();
  EXPECT_TRUE(watched.expired());
  EXPECT_GT(object->cached_blocks(), 8u);
}

TEST_F(CacheTest, HotBlocksMoveUpAndColdOnesDown) {
  OpenTwoTiers();
  const auto read_whole = [this](const std::string& path) {
    const auto object = Acquire(path);
    EXPECT_EQ(*Read(object, 0, object->size()), source.files[path]);
    return object;
  };
  // Eight objects of two blocks: more than the DRAM tier holds, so the first ones are moved down.
  for (int i = 0; i < 8; ++i)
    source.files["f" + std::to_string(i)] = RandomText(2 * kBlock, 30 + static_cast<uint32_t>(i));
  for (int i = 0; i < 8; ++i) read_whole("f" + std::to_string(i));
  const auto cold = Acquire("f0");
  ASSERT_EQ(cold->blocks_in(1), 2u);
  const size_t reads = source.reads;
  for (int i = 0; i < BlockStore::kPromotionHits; ++i) read_whole("f0");
  for (int i = 0; i < 100 && cold->blocks_in(0) < 2; ++i) Settle();
  EXPECT_EQ(cold->blocks_in(0), 2u) << "read often enough to be worth a place in memory";
  EXPECT_EQ(source.reads, reads);
}

using Kind = io::FileRequest::Kind;

// While a reader waits for the file of the tier that has its block, the block moves, and leaves a hole there.
TEST_F(CacheTest, AReaderIsNotGivenTheHoleThatAMoveLeaves) {
  OpenTwoTiers();
  source.files["f"] = RandomText(2 * kBlock, 80);
  ASSERT_OK(loop.Block(cache->Warm(Acquire("f"), shared_source, 0, 2, /*medium=*/1)).status());
  OpenTwoTiers();  // no file is open
  const auto object = Acquire("f");
  ASSERT_EQ(object->blocks_in(1), 2u);
  io->hold_next = Kind::kOpen;
  size_t done = 0;
  std::string text;
  io::Spawn(CountedRead(this, ReadTask(object, 0, kBlock), &done, &text));
  Settle();
  ASSERT_NE(io->held, nullptr);
  io::Spawn(cache->store().Gather(object, /*to=*/0, BlockStore::Admission::kAlways));
  for (int i = 0; i < 100 && object->blocks_in(0) < 2; ++i) Settle();
  ASSERT_EQ(object->blocks_in(0), 2u);
  io->LetGo();
  for (int i = 0; i < 100 && done == 0; ++i) Settle();
  EXPECT_EQ(text, source.files["f"].substr(0, kBlock));
}

TEST_F(CacheTest, ATierWhoseDiskFailsIsOutOfServiceAndReadsGoOn) {
  source.files["f"] = RandomText(4 * kBlock, 17);
  const auto object = Acquire("f");
  ASSERT_OK(Read(object, 0, kBlock).status());
  io->faults[Kind::kWrite] = EIO;
  EXPECT_EQ(*Read(object, 0, 4 * kBlock), source.files["f"]);
  EXPECT_FALSE(cache->store().tier(1)->in_service());
  EXPECT_TRUE(Fails(cache->store().tier(1)->failure(), StatusCode::kUnavailable, "Input/output error"));
  EXPECT_EQ(*Read(object, 0, 4 * kBlock), source.files["f"]);
}

TEST_F(CacheTest, AReadErrorIsAMiss) {
  source.files["f"] = RandomText(2 * kBlock, 18);
  ASSERT_OK(Read(Acquire("f"), 0, 2 * kBlock).status());
  CloseCache();
  Open();
  io->faults[Kind::kRead] = EIO;
  EXPECT_EQ(*Read(Acquire("f"), 0, 2 * kBlock), source.files["f"]);
  EXPECT_FALSE(cache->store().tier(1)->in_service());
}

TEST_F(CacheTest, AFullDiskLowersTheQuota) {
  source.files["f"] = RandomText(8 * kBlock, 19);
  const auto object = Acquire("f");
  ASSERT_OK(Read(object, 0, 4 * kBlock).status());
  const uint64_t used = cache->store().tier(1)->used_bytes();
  io->faults[Kind::kWrite] = ENOSPC;
  EXPECT_EQ(*Read(object, 0, 8 * kBlock), source.files["f"]);
  EXPECT_TRUE(cache->store().tier(1)->in_service());
  EXPECT_LE(cache->store().tier(1)->quota_bytes(), used);
  io->faults.clear();
  EXPECT_EQ(*Read(object, 0, 8 * kBlock), source.files["f"]);
}

TEST_F(CacheTest, RunningOutOfDescriptorsIsNoFaultOfTheDisk) {
  source.files["f"] = RandomText(2 * kBlock, 20);
  io->faults[Kind::kOpen] = EMFILE;
  EXPECT_EQ(*Read(Acquire("f"), 0, 2 * kBlock), source.files["f"]);
  EXPECT_TRUE(cache->store().tier(1)->in_service());
  EXPECT_GT(cache->store().tier(1)->quota_bytes(), 0u);
}

TEST_F(CacheTest, AMoveThatNeedsADescriptorDoesNotWaitForItself) {
  open_files_max = 16;
  OpenTwoTiers();
  for (size_t i = 0; i < open_files_max; ++i) {
    source.files[std::to_string(i)] = RandomText(kBlock, 90 + static_cast<uint32_t>(i));
    const auto object = Acquire(std::to_string(i));
    ASSERT_OK(loop.Block(cache->Warm(object, shared_source, 0, 1, /*medium=*/1)).status());
    cache->store().Release(object);  // its file is open, and nobody uses it
  }
  const auto object = Acquire("0");
  cache->store().Release(object);
  io::Spawn(cache->store().Gather(object, /*to=*/0, BlockStore::Admission::kAlways));
  for (int i = 0; i < 20 && object->blocks_in(0) == 0; ++i) Settle();
  EXPECT_EQ(object->blocks_in(0), 1u);
}

TEST_F(CacheTest, NobodyWaitsForTheFrontOfABlock) {
  source.files["f"] = RandomText(2 * kBlock, 1);
  const auto object = Acquire("f");
  EXPECT_EQ(*Read(object, kBlock - 4096, 4096), source.files["f"].substr(kBlock - 4096, 4096));
  EXPECT_EQ(source.reads, 2u);  // its own range, and the block
  EXPECT_EQ(source.bytes_read, kBlock + 4096u);
  EXPECT_EQ(object->cached_blocks(), 1u);
  EXPECT_EQ(*Read(object, 0, 4096), source.files["f"].substr(0, 4096));
  EXPECT_EQ(source.reads, 2u);
  cache->store().Release(object);
}

TEST_F(CacheTest, ScatteredReadsFetchWhatTheyRead) {
  constexpr uint64_t kFar = 20 * kMiB;
  source.files["f"] = RandomText(12 * kFar, 2);
  const auto object = Acquire("f");
  const auto read = [&](uint64_t at) {
    EXPECT_EQ(*Read(object, at, 4096), source.files["f"].substr(at, 4096));
    return std::exchange(source.bytes_read, 0);
  };
  for (uint64_t i = 1; i <= 10; ++i) EXPECT_EQ(read(i * kFar), 4096u);
  EXPECT_EQ(object->cached_blocks(), 0u);
  // A block that is touched again is kept.
  EXPECT_EQ(read(5 * kFar + 8192), kBlock);
  EXPECT_EQ(read(5 * kFar), 0u);
  // And a reader that reads on gets blocks again.
  EXPECT_EQ(read(9 * kFar + 4096), kBlock);
  cache->store().Release(object);
}

TEST_F(CacheTest, AnObjectOfOneBlockIsFetchedWhole) {
  source.files["f"] = RandomText(kBlock, 4);
  const auto object = Acquire("f");
  object->read_ahead.OnRead({50 * kBlock, 1}, 0);  // it looks random
  ASSERT_TRUE(object->read_ahead.IsRandom());
  ASSERT_OK(Read(object, 0, 4096).status());
  EXPECT_EQ(object->cached_blocks(), 1u);
  cache->store().Release(object);
}

TEST_F(CacheTest, APieceFailsAsItsSourceDoes) {
  source.files["f"] = RandomText(2 * kBlock, 3);
  const auto object = Acquire("f");
  source.read_failures = {absl::OkStatus(), Aborted("another version")};
  EXPECT_TRUE(Fails(Read(object, kBlock - 4096, 4096).status(), StatusCode::kAborted, "another version"));
  cache->store().Release(object);
}

}  // namespace
}  // namespace sluice::cache

#include <filesystem>

#include "tests/support/cache_fixture.h"
#include "tests/support/fake_sealer.h"
#include "tests/support/tree_fixture.h"

namespace sluice::cache {
namespace {

constexpr uint8_t kDram = 0;
constexpr uint8_t kSsd = 1;

io::Task<int> SettleObject(BlockStore& store, std::shared_ptr<Object> object) {
  co_await store.Settle(object);
  co_return 0;
}
io::Task<int> GatherObject(BlockStore& store, std::shared_ptr<Object> object, uint8_t to) {
  co_await store.Gather(object, to, BlockStore::Admission::kAlways);
  co_return 0;
}

class SealTest : public CacheTest {
 protected:
  SealTest() { CacheTest::sealer = &sealer; }
  void SetUp() override {
    source.files["f"] = RandomText(3 * kBlock - 10, 51);
    Open();
  }
  void TearDown() override {
    CacheTest::TearDown();
    EXPECT_EQ(sealer.violations, 0u);
  }
  // The object of "f", whole and sealed in the SSD tier.
  std::shared_ptr<Object> MakeSealed() {
    auto object = Acquire("f");
    EXPECT_TRUE(loop.Block(cache->Warm(object, shared_source, 0, object->block_count(), kSsd)).ok());
    loop.Block(SettleObject(cache->store(), object));
    EXPECT_TRUE(object->seal(kSsd).is_set);
    EXPECT_TRUE(sealer.IsSealed(FileOf(*object)));
    return object;
  }
  std::string FileOf(const Object& object) { return directory / "ssd/objects/" + Tier::FileName(object.id); }
  uint64_t Evict(const std::shared_ptr<Object>& object) { return loop.Block(cache->store().Evict(object)); }
  std::string ReadAll(const std::shared_ptr<Object>& object) {
    auto text = Read(object, 0, object->size());
    return text.ok() ? *text : std::string(Message(text.status()));
  }
  uint64_t used_bytes(uint8_t medium) { return cache->store().tier(medium)->used_bytes(); }

  FakeSealer sealer{*io};
};

TEST_F(SealTest, AWholeFileIsSealedAndRead) {
  const auto object = MakeSealed();
  EXPECT_EQ(ReadAll(object), source.files["f"]);
  AlignedBuffer buffer(4096);
  EXPECT_TRUE(cache->TryRead(object, shared_source, kBlock, buffer.span()));
  EXPECT_EQ(loop.Block(cache->store().Verify(object)), 0u);
  loop.Block(SettleObject(cache->store(), object));
  EXPECT_EQ(sealer.seals, 1u);
  cache->store().Release(object);
}

TEST_F(SealTest, WhereItIsNotThereNothingIsSealed) {
  CloseCache();
  sealer.probe = Unimplemented("no fs-verity");
  Open();
  const auto object = Acquire("f");
  ASSERT_OK(loop.Block(cache->Warm(object, shared_source, 0, 3, kSsd)).status());
  loop.Block(SettleObject(cache->store(), object));
  EXPECT_EQ(sealer.seals, 0u);
  EXPECT_TRUE(cache->store().IsSettled(*object));
  EXPECT_NE(metrics->Text().find("sluice_tier_seals{tier=\"ssd\"} 0"), std::string::npos);
  cache->store().Release(object);
}

TEST_F(SealTest, AFileThatCannotBeSealedNowIsWrittenToAsBefore) {
  const auto object = Acquire("f");
  ASSERT_OK(loop.Block(cache->Warm(object, shared_source, 0, 3, kSsd)).status());
  sealer.failure = Unavailable("busy");
  loop.Block(SettleObject(cache->store(), object));
  EXPECT_FALSE(cache->store().IsSettled(*object));
  const Stay stay(*object);
  Flip(FileOf(*object), 5);
  EXPECT_EQ(loop.Block(cache->store().Verify(object)), 1u);
  EXPECT_EQ(ReadAll(object), source.files["f"]);
  EXPECT_TRUE(cache->store().tier(kSsd)->in_service());
  cache->store().Release(object);
}

TEST_F(SealTest, ItLeavesAsAWhole) {
  const auto object = MakeSealed();
  const uint64_t used = used_bytes(kSsd);
  EXPECT_EQ(Evict(object), used);
  EXPECT_EQ(used_bytes(kSsd), 0u);
  EXPECT_TRUE(CacheFiles().empty());
  EXPECT_EQ(ReadAll(object), source.files["f"]) << "into a file that is not sealed";
  EXPECT_FALSE(sealer.IsSealed(FileOf(*object)));
  cache->store().Release(object);
}

TEST_F(SealTest, AVictimOfThePolicyTakesTheRestWithIt) {
  CloseCache();
  Open(8 * kBlock, "lru");
  const auto object = MakeSealed();
  cache->store().Release(object);
  source.files["g"] = RandomText(6 * kBlock, 52);
  const auto other = Acquire("g");
  EXPECT_EQ(ReadAll(other), source.files["g"]);
  EXPECT_EQ(object->cached_blocks(), 0u);
  EXPECT_EQ(cache->store().Find(object->id), nullptr);
  EXPECT_EQ(CacheFiles().size(), 1u);
  EXPECT_LE(used_bytes(kSsd), 8u * kBlock);
  cache->store().Release(other);
}

TEST_F(SealTest, AHolderKeepsIt) {
  const auto object = MakeSealed();
  {
    const Stay stay(*object);
    EXPECT_EQ(Evict(object), 0u);
    EXPECT_FALSE(stay.lost());
  }
  EXPECT_TRUE(object->seal(kSsd).is_set);
  cache->store().Release(object);
}

TEST_F(SealTest, ItMovesToAnotherTierBlockByBlock) {
  OpenTwoTiers();
  const auto object = MakeSealed();
  const uint64_t used = used_bytes(kSsd);
  loop.Block(GatherObject(cache->store(), object, kDram));
  EXPECT_EQ(object->WholeIn(), kDram);
  EXPECT_EQ(used_bytes(kDram), used);
  EXPECT_EQ(used_bytes(kSsd), 0u);
  EXPECT_FALSE(std::filesystem::exists(FileOf(*object)));
  EXPECT_EQ(source.bytes_read, object->size());
  cache->store().Release(object);
}

TEST_F(SealTest, AMoveThatStopsHalfWayLeavesWhatIsReadable) {
  OpenTwoTiers();
  const auto object = MakeSealed();
  const uint64_t used = used_bytes(kSsd);
  io->hold_next = io::FileRequest::Kind::kWrite;
  io::Spawn(cache->store().Gather(object, kDram, BlockStore::Admission::kAlways));
  Settle();
  ASSERT_NE(io->held, nullptr);
  io->LetGo();
  io->hold_next = io::FileRequest::Kind::kWrite;
  Settle();
  ASSERT_NE(io->held, nullptr);
  {
    const Stay stay(*object);
    io->LetGo();
    Settle();
  }
  EXPECT_EQ(object->blocks_in(kDram), 1u);
  EXPECT_EQ(object->seal(kSsd).dead_bytes, kBlock);
  EXPECT_EQ(used_bytes(kSsd), used) << "nothing of it is free yet";
  EXPECT_EQ(ReadAll(object), source.files["f"]);
  EXPECT_EQ(source.bytes_read, object->size());
  Evict(object);
  EXPECT_EQ(used_bytes(kSsd) + used_bytes(kDram), 0u);
  cache->store().Release(object);
}

TEST_F(SealTest, ABadBlockTakesTheFileAndNoTier) {
  const auto object = MakeSealed();
  const UniqueFd reader(::open(FileOf(*object).c_str(), O_RDONLY));
  const Stay stay(*object);
  io->faults[io::FileRequest::Kind::kRead] = EIO;  // the kernel's verdict
  EXPECT_EQ(loop.Block(cache->store().Verify(object)), 1u);
  io->faults.clear();
  EXPECT_TRUE(cache->store().tier(kSsd)->in_service());
  EXPECT_EQ(object->cached_blocks(), 0u);
  EXPECT_TRUE(stay.lost());
  EXPECT_EQ(used_bytes(kSsd), 0u);
  EXPECT_EQ(ReadAll(object), source.files["f"]);
  struct stat old{};
  ::fstat(reader.get(), &old);
  EXPECT_EQ(old.st_nlink, 0u) << "who reads the old one keeps it";
  loop.Block(SettleObject(cache->store(), object));
  EXPECT_TRUE(object->seal(kSsd).is_set);
  cache->store().Release(object);
}

TEST_F(SealTest, ItIsRecognisedAfterARestart) {
  cache->store().Release(MakeSealed());
  CloseCache();
  Open();
  const auto object = Acquire("f");
  EXPECT_FALSE(object->seal(kSsd).is_set) << "not looked at yet";
  EXPECT_EQ(ReadAll(object), source.files["f"]);
  EXPECT_TRUE(object->seal(kSsd).is_set);
  cache->store().Release(object);
  CloseCache();
  Open();
  const auto again = Acquire("f");
  EXPECT_EQ(Evict(again), 3u * kBlock);
  EXPECT_TRUE(CacheFiles().empty());
  cache->store().Release(again);
}

// The index is behind: it may not name what the last process had sealed.
TEST_F(SealTest, ABlockThatTheIndexDoesNotNameIsWrittenToANewFile) {
  source.files["f"] = RandomText((kBlocksPerRecord + 1) * kBlock, 53);
  cache->store().Release(MakeSealed());
  const ObjectId id = cache->store().Objects().front()->id;
  cache->store().index().Delete(BlocksRecordKey(id, kBlocksPerRecord));
  CloseCache();
  Open();
  const auto object = Acquire("f");
  ASSERT_EQ(object->cached_blocks(), kBlocksPerRecord);
  EXPECT_EQ(*Read(object, kBlocksPerRecord * kBlock, kBlock), source.files["f"].substr(kBlocksPerRecord * kBlock));
  EXPECT_FALSE(object->seal(kSsd).is_set);
  EXPECT_EQ(used_bytes(kSsd), uint64_t{object->cached_blocks()} * kBlock);
  EXPECT_EQ(ReadAll(object), source.files["f"]);
  cache->store().Release(object);
}

class SealedTreeTest : public TreeTest {
 protected:
  SealedTreeTest() { CacheTest::sealer = &sealer; }
  FakeSealer sealer{*io};
};

TEST_F(SealedTreeTest, ATreeIsMadeOfSealedFilesAndAnewWhenOneIsReplaced) {
  ASSERT_OK(FillAndBuild());
  EXPECT_TRUE(sealer.IsSealed(TreeFileOf("a")));
  StartAgain();
  const auto a = Acquire("a");
  io->faults[io::FileRequest::Kind::kRead] = EIO;
  EXPECT_EQ(loop.Block(cache->store().Verify(a)), 1u);
  io->faults.clear();
  cache->store().Release(a);
  EXPECT_TRUE(Fails(Lease(), StatusCode::kFailedPrecondition, "have been replaced"));
  ASSERT_OK(FillAndBuild());
  ASSERT_OK(Lease());
  EXPECT_EQ(BytesOf(TreeFileOf("a")), source.files["a"]);
  EXPECT_EQ(BytesOf(CacheFileOf("a")), source.files["a"]);
}

// What this machine's kernel and file system say; where they can do it, that it is done.
TEST_F(CacheTest, FsVeritySealsOrSaysWhyNot) {
  const auto verity = io::MakeVeritySealer(pool);
  const UniqueFd place(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY));
  const Status probe = verity->Probe(place.get());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 2) << "ssd and index";
  const std::string path = directory / "file";
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT, 0600));
  ASSERT_EQ(::write(file.get(), "text", 4), 4);
  file.reset(::open(path.c_str(), O_RDONLY));
  const Status sealed = loop.Block(verity->Seal(file.get()));
  EXPECT_EQ(sealed.code(), probe.code());
  EXPECT_EQ(verity->IsSealed(file.get()), probe.ok());
  if (!probe.ok()) GTEST_SKIP() << Message(probe);
  EXPECT_LT(::open(path.c_str(), O_RDWR), 0);
  EXPECT_EQ(errno, EPERM);
  ASSERT_OK(loop.Block(verity->Seal(file.get())));
}

}  // namespace
}  // namespace sluice::cache

#include "cache/access_recorder.h"

#include "tests/support/cache_fixture.h"

namespace sluice::cache {
namespace {

class AccessRecorderTest : public testing::Test {
 protected:
  static std::shared_ptr<Object> MakeObject(uint64_t blocks, const std::string& path = "f") {
    const ObjectVersion version{"dataset", path, "1", blocks * kBlock, kBlock};
    return std::make_shared<Object>(version, ObjectId::Of(version));
  }
  void ReadBlocks(const Object& object, uint32_t first, uint32_t count) {
    recorder.OnRead(object, {uint64_t{first} * kBlock, uint64_t{count} * kBlock});
  }
  std::vector<uint32_t> TakeBlocks() {
    std::vector<uint32_t> blocks;
    for (const auto& access : recorder.Take().accesses) blocks.push_back(access.key.block);
    return blocks;
  }

  AccessRecorder recorder;
};

TEST_F(AccessRecorderTest, EachBlockOfAReadIsOneAccess) {
  const ObjectVersion version{"dataset", "f", "1", 3 * kBlock + 5000, kBlock};
  const Object object(version, ObjectId::Of(version));
  ASSERT_OK(recorder.Start());
  recorder.OnRead(object, {kBlock, 2 * kBlock + 5000});
  const auto batch = recorder.Take();
  ASSERT_EQ(batch.accesses.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(batch.accesses[i].key, (BlockKey{object.id, i + 1}));
  EXPECT_EQ(batch.accesses[1].bytes, kBlock);
  EXPECT_EQ(batch.accesses[2].bytes, 8192u) << "what it takes in a tier";
  EXPECT_EQ(batch.lost, 0u);
}

TEST_F(AccessRecorderTest, NothingIsRecordedForNobody) {
  const auto object = MakeObject(1);
  ReadBlocks(*object, 0, 1);
  ASSERT_OK(recorder.Start());
  EXPECT_TRUE(TakeBlocks().empty());
  ReadBlocks(*object, 0, 1);
  recorder.Stop();
  ReadBlocks(*object, 0, 1);
  EXPECT_TRUE(TakeBlocks().empty());
}

TEST_F(AccessRecorderTest, OneRecordingAtATimeEachFromItsOwnStart) {
  const auto object = MakeObject(2);
  ASSERT_OK(recorder.Start());
  EXPECT_TRUE(Fails(recorder.Start(), StatusCode::kFailedPrecondition, "one recording at a time"));
  ReadBlocks(*object, 0, 2);
  recorder.Stop();
  ASSERT_OK(recorder.Start());
  recorder.OnRead(*object, {kBlock + 4096, 4096});
  EXPECT_EQ(TakeBlocks(), std::vector<uint32_t>{1}) << "no piece of a visit that the recording before had";
}

TEST_F(AccessRecorderTest, WhatIsNotTakenIsBoundedAndTheRestIsCounted) {
  const auto object = MakeObject(AccessRecorder::kPendingMax + 10);
  ASSERT_OK(recorder.Start());
  ReadBlocks(*object, 0, object->block_count());
  const auto batch = recorder.Take();
  EXPECT_EQ(batch.accesses.size(), AccessRecorder::kPendingMax);
  EXPECT_EQ(batch.lost, 10u);
  ReadBlocks(*object, 7, 1);
  EXPECT_EQ(TakeBlocks(), std::vector<uint32_t>{7}) << "there is room again";
  EXPECT_EQ(recorder.Take().lost, 10u) << "it counts since the start";
  recorder.Stop();
  ASSERT_OK(recorder.Start());
  EXPECT_EQ(recorder.Take().lost, 0u);
}

TEST_F(AccessRecorderTest, PiecesOfABlockAreOneVisitInWhateverOrderTheyCome) {
  const auto object = MakeObject(1);
  constexpr uint32_t kPiece = kBlock / 4;
  ASSERT_OK(recorder.Start());
  for (const uint32_t piece : {0, 1, 2, 3}) recorder.OnRead(*object, {piece * kPiece, kPiece});
  EXPECT_EQ(TakeBlocks().size(), 1u);
  for (const uint32_t piece : {0, 1, 2, 3}) recorder.OnRead(*object, {piece * kPiece, kPiece});
  EXPECT_EQ(TakeBlocks().size(), 1u) << "from the start again: a second visit";
  const auto other = MakeObject(1, "g");
  for (const uint32_t piece : {2, 0, 3, 1}) recorder.OnRead(*other, {piece * kPiece, kPiece});
  EXPECT_EQ(TakeBlocks().size(), 1u);
  recorder.OnRead(*other, {0, kPiece});
  EXPECT_EQ(TakeBlocks().size(), 1u);
}

TEST_F(AccessRecorderTest, APieceOfABlockThatWasReadLongAgoIsAVisit) {
  const auto object = MakeObject(AccessRecorder::kPiecesOf + 1);
  ASSERT_OK(recorder.Start());
  ReadBlocks(*object, 0, AccessRecorder::kPiecesOf);
  EXPECT_EQ(TakeBlocks().size(), AccessRecorder::kPiecesOf);
  recorder.OnRead(*object, {4096, 4096});
  EXPECT_TRUE(TakeBlocks().empty());
  ReadBlocks(*object, AccessRecorder::kPiecesOf, 1);
  recorder.OnRead(*object, {4096, 4096});
  EXPECT_EQ(TakeBlocks(), (std::vector<uint32_t>{AccessRecorder::kPiecesOf, 0}));
}

TEST_F(AccessRecorderTest, ASecondVisitIsAmongTheLastOnesAgain) {
  const auto object = MakeObject(AccessRecorder::kPiecesOf + 1);
  ASSERT_OK(recorder.Start());
  ReadBlocks(*object, 0, AccessRecorder::kPiecesOf);
  ReadBlocks(*object, 0, 1);
  ReadBlocks(*object, AccessRecorder::kPiecesOf, 1);
  TakeBlocks();
  recorder.OnRead(*object, {4096, 4096});
  EXPECT_TRUE(TakeBlocks().empty());
}

class RecordedCacheTest : public CacheTest {
 protected:
  size_t Taken() { return cache->store().accesses().Take().accesses.size(); }
};

TEST_F(RecordedCacheTest, ReadersAreSeenWhoeverAnswersThem) {
  source.files["f"] = RandomText(3 * kBlock, 1);
  const auto object = Acquire("f");
  ASSERT_OK(cache->store().accesses().Start());
  ASSERT_OK(Read(object, 0, 3 * kBlock).status());
  EXPECT_EQ(Taken(), 3u) << "fetched";
  ASSERT_OK(Read(object, 0, 3 * kBlock).status());
  EXPECT_EQ(Taken(), 3u) << "from the tier, on the loop";
  AlignedBuffer buffer(kBlock);
  for (uint32_t block = 0; block < 3; ++block) {
    ASSERT_TRUE(cache->TryRead(object, shared_source, uint64_t{block} * kBlock, buffer.span()));
  }
  EXPECT_EQ(Taken(), 3u) << "without the loop";
  cache->store().TouchAll(object);
  EXPECT_EQ(Taken(), 3u) << "by the kernel";
  cache->store().Release(object);
}

TEST_F(RecordedCacheTest, WhatNobodyReadsIsNoAccess) {
  source.files["f"] = RandomText(3 * kBlock, 1);
  const auto object = Acquire("f");
  ASSERT_OK(cache->store().accesses().Start());
  ASSERT_OK(loop.Block(WarmTask(*cache, shared_source, object)).status());
  EXPECT_EQ(object->cached_blocks(), 3u);
  EXPECT_EQ(Taken(), 0u);
  cache->store().Release(object);
}

}  // namespace
}  // namespace sluice::cache

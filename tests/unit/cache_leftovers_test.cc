// What the cache leaves behind, or does not: most of it was found by tests/simulation.
#include <filesystem>

#include "tests/support/cache_fixture.h"
#include "tests/support/matchers.h"

namespace sluice::cache {
namespace {

using Kind = io::FileRequest::Kind;

io::Task<void> WriteBlockTask(Cache* cache, std::shared_ptr<Object> object, std::string bytes) {
  co_await cache->store().WriteBlock(object, 0, std::as_bytes(std::span(bytes)), {}, BlockStore::Admission::kAlways);
}
io::Task<void> EvictTask(Cache* cache, std::shared_ptr<Object> object) { co_await cache->store().Evict(object); }

// The device may do the first write, then the hole, and tell of the write last.
TEST_F(CacheTest, AHoleIsNotMadeIntoWhatIsWrittenMeanwhile) {
  source.files["f"] = RandomText(2 * kBlock, 6);
  const auto object = Acquire("f");
  ASSERT_OK(Read(object, kBlock, kBlock).status());  // so that the file stays
  io->hold_next = Kind::kWrite;
  io::Spawn(WriteBlockTask(cache.get(), object, source.files["f"].substr(0, kBlock)));
  Settle();
  io::FileRequest* const write = std::exchange(io->held, nullptr);
  ASSERT_NE(write, nullptr);
  io::Spawn(WriteBlockTask(cache.get(), object, source.files["f"].substr(0, kBlock)));
  Settle();
  ASSERT_TRUE(object->TierOf(0));
  io->hold_next = Kind::kPunch;
  io::Spawn(EvictTask(cache.get(), object));
  Settle();
  io::FileRequest* const punch = std::exchange(io->held, write);
  io->LetGo();
  Settle();
  io->held = punch == nullptr ? io->held : punch;
  if (io->held != nullptr) io->LetGo();
  Settle();
  EXPECT_EQ(*Read(object, 0, kBlock), source.files["f"].substr(0, kBlock));
  cache->store().Release(object);
}

TEST_F(CacheTest, AMoveThatIsGivenUpLeavesNoBytesBehind) {
  class Holder : public FileHolder {
    bool LetGo() override { return false; }
  } holder;
  OpenTwoTiers();
  source.files["f"] = RandomText(2 * kBlock, 7);
  const auto object = Acquire("f");
  ASSERT_OK(loop.Block(cache->Warm(object, shared_source, 0, 2, /*medium=*/1)).status());
  io->hold_next = Kind::kWrite;
  io::Spawn(cache->store().Gather(object, /*to=*/0, BlockStore::Admission::kAlways));
  Settle();
  ASSERT_NE(io->held, nullptr);
  object->AddHolder(holder);
  io->LetGo();
  Settle();
  EXPECT_EQ(object->blocks_in(1), 2u);
  EXPECT_EQ(cache->store().tier(0)->used_bytes(), 0u);
  EXPECT_FALSE(std::filesystem::exists(directory / "dram/objects/" + Tier::FileName(object->id)));
  object->RemoveHolder(holder);
  cache->store().Release(object);
}

TEST_F(CacheTest, AnObjectWithoutBlocksIsForgottenWhenItIsUnpinned) {
  source.files["f"] = RandomText(kBlock, 11);
  const auto object = Acquire("f");
  cache->store().SetPinned(object, true);
  cache->store().Release(object);
  EXPECT_EQ(cache->store().Find(object->id), object);
  cache->store().SetPinned(object, false);
  EXPECT_EQ(cache->store().Find(object->id), nullptr);
}

TEST_F(CacheTest, AReadAfterTheCacheWasClosedSaysSo) {
  source.files["f"] = RandomText(2 * kBlock, 5);
  const auto object = Acquire("f");
  loop.Block(CloseTask());
  EXPECT_TRUE(Fails(Read(object, 0, kBlock).status(), StatusCode::kCancelled, "closing"));
  cache->store().Release(object);
  cache.reset();
}

TEST_F(CacheTest, AnIndexThatCommitsAtOnceHasWhatWasPut) {
  {
    ASSERT_OK_AND_ASSIGN(const auto index, Index::Open(directory / "at_once", Index::Commits::kAtOnce));
    index->Put("a", "1");
    index->Put("b", "2");
    index->Delete("a");
    std::string found;
    ASSERT_OK(index->Scan(
        "", [&](std::string_view key, std::string_view value) { found += fmt::format("{}={} ", key, value); }));
    EXPECT_EQ(found, "b=2 ");
    index->Drain();
  }
  ASSERT_OK(Index::Open(directory / "at_once").status());
}

}  // namespace
}  // namespace sluice::cache

#include "daemon/tree_prover.h"

#include "tests/support/tree_fixture.h"

namespace sluice::daemon {
namespace {

class TreeProverTest : public cache::TreeTest {
 protected:
  TreeProverTest() { name = TreeOptionsOf(*mount->spec()).name; }
  static broker::v1::VolumeSpec Spec() {
    broker::v1::VolumeSpec spec;
    spec.set_volume_id("v");
    return spec;
  }
  void TearDown() override {
    loop.Block(CloseProver());
    dataset = std::move(mount->dataset);
    TreeTest::TearDown();
  }
  // The next process, which serves the volume.
  void Restart() {
    StartAgain();
    prover.emplace(*trees, *cache, loop);
    mount->dataset = std::move(dataset);
  }
  io::Task<int> CloseProver() {
    co_await prover->Close();
    co_return 0;
  }
  io::Task<int> ProveTask(const std::atomic<bool>& stop) {
    co_await prover->Prove(mount, stop);
    co_return 0;
  }
  void Prove() { loop.Block(ProveTask(mount->closing)); }
  uint64_t bad_blocks() { return cache->store().tier(1)->bad_blocks.value(); }

  const std::shared_ptr<Mount> mount = std::make_shared<Mount>(Spec(), std::make_shared<Contents>());
  std::optional<TreeProver> prover;
};

TEST_F(TreeProverTest, WhatWasFoundIsProven) {
  ASSERT_OK(FillAndBuild());
  Restart();
  EXPECT_EQ(Unproven(), 2u);
  Prove();
  EXPECT_EQ(Unproven(), 0u);
  ASSERT_OK(Lease());
  EXPECT_EQ(dataset_source->reads, 0u);
}

TEST_F(TreeProverTest, WhatIsBadIsFetchedAgainInPlace) {
  ASSERT_OK(FillAndBuild());
  cache::Flip(CacheFileOf("a"), cache::kBlock + 7);
  cache::Flip(CacheFileOf("d/b"), 3);
  Restart();
  Prove();
  ASSERT_OK(Lease());
  EXPECT_EQ(BytesOf(TreeFileOf("a")), source.files["a"]);
  EXPECT_EQ(BytesOf(TreeFileOf("d/b")), source.files["d/b"]);
  EXPECT_EQ(bad_blocks(), 2u);
  EXPECT_EQ(dataset_source->bytes_read, cache::kBlock + 100u);
}

TEST_F(TreeProverTest, AMountedTreeIsMendedToo) {
  ASSERT_OK(FillAndBuild());
  Restart();
  trees->KeepLeased({name});
  cache::Flip(CacheFileOf("a"), 9);
  prover->Start(mount);
  prover->Start(mount);
  Prove();
  EXPECT_EQ(BytesOf(TreeFileOf("a")), source.files["a"]);
  EXPECT_TRUE(trees->Find(name)->leased);
  EXPECT_EQ(bad_blocks(), 1u);
}

TEST_F(TreeProverTest, ASourceThatIsAwayLeavesTheTreeUnproven) {
  ASSERT_OK(FillAndBuild());
  cache::Flip(CacheFileOf("d/b"), 3);
  Restart();
  dataset_source->read_failures.assign(100, Unavailable("away"));
  Prove();
  EXPECT_TRUE(Fails(Lease(), StatusCode::kFailedPrecondition, "1 of 2 files"));
  dataset_source->read_failures.clear();
  Prove();
  ASSERT_OK(Lease());
}

TEST_F(TreeProverTest, ItEndsWithTheVolume) {
  ASSERT_OK(FillAndBuild());
  Restart();
  mount->closing = true;
  Prove();
  EXPECT_EQ(Unproven(), 2u);
  mount->closing = false;
  const std::atomic<bool> stop = true;
  loop.Block(ProveTask(stop));
  EXPECT_EQ(Unproven(), 2u);
}

}  // namespace
}  // namespace sluice::daemon

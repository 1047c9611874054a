#include "fuse/open_files.h"

#include "tests/support/fake_sealer.h"
#include "tests/support/tree_fixture.h"

namespace sluice::fuse {
namespace {

// Numbers the backing files.
class FakeBroker final : public BackingBroker {
 public:
  io::Task<StatusOr<int32_t>> OpenBacking(std::string, uint64_t, UniqueFd) override { co_return ++opened; }
  void CloseBacking(const std::string&, uint64_t) override { ++closed; }

  int32_t opened = 0;
  int32_t closed = 0;
};

class OpenFilesTest : public cache::TreeTest {
 protected:
  OpenFilesTest() { CacheTest::sealer = &sealer; }
  void SetUp() override {
    TreeTest::SetUp();
    ASSERT_OK(FillAndBuild());
    for (const auto& node : dataset->catalog().Children(cache::kRootIno, 0, 10)) {
      if (node.entry.name == "a") ino = node.ino;
    }
    files.emplace(*dataset, *cache, loop, &broker, open_metrics);
  }
  void TearDown() override {
    loop.Block(CloseFiles());
    TreeTest::TearDown();
  }
  io::Task<int> CloseFiles() {
    co_await files->Close();
    co_return 0;
  }
  // The backing id of a new handle.
  int32_t Open() {
    if (const auto handle = files->TryOpen(ino)) return handle->backing_id;
    const auto handle = loop.Block(files->Open(ino));
    return handle.ok() ? handle->backing_id : -1;
  }

  FakeSealer sealer{*io};
  FakeBroker broker;
  Registry open_registry;
  OpenFilesMetrics open_metrics{open_registry};
  cache::Ino ino = 0;
  std::optional<OpenFiles> files;
};

TEST_F(OpenFilesTest, ABackingFileWaitsForTheNextHandle) {
  EXPECT_EQ(Open(), 1);
  EXPECT_EQ(Open(), 1);
  files->Release(ino, true);
  files->Release(ino, true);
  EXPECT_EQ(Open(), 1);
  files->Release(ino, true);
  EXPECT_EQ(broker.closed, 0);
}

// All handles that are open at one time have one backing file: those of the old one keep it.
TEST_F(OpenFilesTest, AFileThatWasLostIsNoNewHandles) {
  EXPECT_EQ(Open(), 1);
  const auto object = Acquire("a");
  io->faults[io::FileRequest::Kind::kRead] = EIO;
  EXPECT_EQ(loop.Block(cache->store().Verify(object)), 1u);
  io->faults.clear();
  ASSERT_OK(loop.Block(cache->Warm(object, dataset->source(), 0, object->block_count(), {})).status());
  EXPECT_EQ(Open(), 1);
  files->Release(ino, true);
  files->Release(ino, true);
  EXPECT_EQ(Open(), 2);
  EXPECT_EQ(broker.closed, 1);
  EXPECT_TRUE(object->seal(1).is_set);
  files->Release(ino, true);
  cache->store().Release(object);
}

}  // namespace
}  // namespace sluice::fuse

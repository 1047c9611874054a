// A volume of three files (of three, one and no blocks) that are cached, and its published tree.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "cache/published_trees.h"
#include "tests/support/cache_fixture.h"

namespace sluice::cache {

inline int64_t ModifiedNsOf(const std::string& path) { return ModifiedNs(AT_FDCWD, path.c_str()); }
// A bit of the file, as a medium flips it: nothing of it shows in the file's times.
inline void Flip(const std::string& path, off_t offset) {
  const int64_t modified_ns = ModifiedNsOf(path);
  const UniqueFd file(::open(path.c_str(), O_RDWR));
  char byte = 0;
  ASSERT_EQ(::pread(file.get(), &byte, 1, offset), 1);
  byte = static_cast<char>(byte ^ 16);
  ASSERT_EQ(::pwrite(file.get(), &byte, 1, offset), 1);
  SetModifiedNs(file.get(), modified_ns);
}

class TreeTest : public CacheTest {
 protected:
  std::string name = "tree";

  void SetUp() override {
    source.files = {{"a", RandomText(3 * kBlock, 41)}, {"d/b", RandomText(100, 42)}, {"d/empty", ""}};
    Start();
  }
  void TearDown() override { Stop(); }

  // A process begins. The index has what an earlier one left, and nothing is proven.
  void Start() {
    Open();
    auto own = std::make_unique<FakeSource>(loop);
    own->files = source.files;
    dataset_source = own.get();
    std::filesystem::create_directories(directory / "catalog");
    ASSERT_OK_AND_ASSIGN(dataset, Dataset::Open({.name = "v",
                                                 .identity = "dataset",
                                                 .directory = directory / "catalog",
                                                 .consistency = Consistency::kImmutable,
                                                 .block_size_bytes = kBlock,
                                                 .keep = Catalog::Keep::kAll},
                                                std::move(own), *cache, loop, limits, nullptr));
    trees = std::make_unique<PublishedTrees>(cache->store(), loop, pool);
    trees->Load();
    trees->KeepLeased({});
  }
  void Stop() {
    loop.Block(StopTask());
    trees.reset();
    dataset.reset();
    CloseCache();
  }
  void StartAgain() {
    Stop();
    Start();
  }
  io::Task<int> StopTask() {
    co_await trees->Close();
    co_await dataset->Close();
    co_return 0;
  }
  Status FillAndBuild() { return loop.Block(FillAndBuildTask()); }
  io::Task<Status> FillAndBuildTask() {
    CO_RETURN_IF_ERROR(co_await dataset->ListAll(kRootIno));
    for (const Node& node : dataset->catalog().Children(kRootIno, 0, 10)) {
      if (node.entry.kind == source::Entry::Kind::kDirectory) CO_RETURN_IF_ERROR(co_await dataset->ListAll(node.ino));
    }
    for (const char* path : {"a", "d/b"}) {
      const auto object = Acquire(path);
      const auto warmed = co_await cache->Warm(object, dataset->source(), 0, object->block_count(), {});
      cache->store().Release(object);
      CO_RETURN_IF_ERROR(warmed.status());
    }
    co_return co_await trees->Build(*dataset, {.name = name, .medium = {}});
  }
  Status Lease() { return loop.Block(trees->Lease(name)).status(); }
  size_t Unproven() { return loop.Block(trees->Unproven(name)).size(); }

  std::string CacheFileOf(const std::string& path) {
    const auto object = Acquire(path);
    cache->store().Release(object);
    return directory / "ssd/objects/" + Tier::FileName(object->id);
  }
  std::string TreeFileOf(const std::string& path) { return directory / "ssd/published/" + name + "/" + path; }
  static std::string BytesOf(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY));
    std::string bytes(static_cast<size_t>(std::filesystem::file_size(path)), '\0');
    EXPECT_EQ(::pread(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    return bytes;
  }
  ReadLimits limits{loop, nullptr};
  FakeSource* dataset_source = nullptr;
  std::unique_ptr<Dataset> dataset;
  std::unique_ptr<PublishedTrees> trees;
};

}  // namespace sluice::cache

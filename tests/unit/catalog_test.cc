#include "cache/catalog.h"

#include <fstream>
#include <iterator>

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::cache {
namespace {

using source::Entry;

Entry File(const std::string& name, const std::string& version, uint64_t size = 10) {
  Entry entry;
  entry.name = name;
  entry.version = version;
  entry.size_bytes = size;
  return entry;
}
Entry Directory(const std::string& name) {
  Entry entry;
  entry.name = name;
  entry.kind = Entry::Kind::kDirectory;
  return entry;
}

class CatalogTest : public testing::Test {
 protected:
  void Open(bool resume) {
    catalog.reset();
    ASSERT_OK_AND_ASSIGN(catalog,
                         Catalog::Open(directory.path(), resume ? Catalog::Keep::kAll : Catalog::Keep::kNothing));
  }
  void SetUp() override { Open(false); }
  std::string ReadAll(const std::string& name) {
    std::ifstream file(directory / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Ino Put(Ino parent, const Entry& entry, int64_t now = 1) { return catalog->Put(parent, entry, now)->ino; }

  TempDir directory;
  std::unique_ptr<Catalog> catalog;
};

TEST_F(CatalogTest, AnUnchangedEntryKeepsItsNumber) {
  const Ino ino = Put(kRootIno, File("f", "v1"));
  EXPECT_EQ(Put(kRootIno, File("f", "v1"), 2), ino);
  EXPECT_EQ(catalog->Get(ino)->confirmed_ns, 2);
}

TEST_F(CatalogTest, AChangedEntryIsANewNodeAndTheOldOneLivesOn) {
  const Ino old_ino = Put(kRootIno, File("f", "v1"));
  const Ino new_ino = Put(kRootIno, File("f", "v2"));
  EXPECT_NE(new_ino, old_ino);
  EXPECT_EQ(catalog->Find(kRootIno, "f")->ino, new_ino);
  EXPECT_EQ(catalog->Get(old_ino)->entry.version, "v1");
  EXPECT_EQ(catalog->Children(kRootIno, 0, 10).size(), 1u);
}

TEST_F(CatalogTest, NumbersAndNamesSurviveTheProcess) {
  const Ino dir = Put(kRootIno, Directory("d"));
  const Ino file = Put(dir, File("f", "v1", 77));
  Put(dir, File("gone", "v1"));
  catalog->Remove(dir, "gone");
  catalog->SetListed(dir, 5, 3);
  Open(/*resume=*/true);
  EXPECT_EQ(catalog->Find(dir, "f")->ino, file);
  EXPECT_EQ(catalog->Get(file)->entry.size_bytes, 77u);
  EXPECT_EQ(catalog->Path(file), "d/f");
  EXPECT_FALSE(catalog->Find(dir, "gone"));
  EXPECT_EQ(catalog->listed_ns(dir), 5);
  EXPECT_EQ(catalog->hidden_total(), 3u);
  EXPECT_EQ(catalog->totals().bytes, 77u);
}

TEST_F(CatalogTest, BeginsAnewWithoutResume) {
  Put(kRootIno, File("f", "v1"));
  Open(/*resume=*/false);
  EXPECT_FALSE(catalog->Find(kRootIno, "f"));
  EXPECT_EQ(catalog->node_count(), 1u);
}

TEST_F(CatalogTest, AnotherMountKeepsTheNamesAndNoHandles) {
  const Ino ino = Put(kRootIno, File("f", "v1"));
  catalog->SetListed(kRootIno, 5, 0);
  catalog->AddHandle(ino, /*passthrough=*/true);
  catalog->AddHandle(ino, /*passthrough=*/false);
  catalog->SetNoOpen();
  Open(/*resume=*/true);
  EXPECT_EQ(catalog->HandlesOf(ino).passthrough, 1u);
  EXPECT_EQ(catalog->HandlesOf(ino).cached, 1u);
  EXPECT_TRUE(catalog->no_open());
  ASSERT_OK(catalog->Sync());
  catalog.reset();
  ASSERT_OK_AND_ASSIGN(catalog, Catalog::Open(directory.path(), Catalog::Keep::kNames));
  EXPECT_EQ(catalog->Find(kRootIno, "f")->ino, ino);
  EXPECT_EQ(catalog->listed_ns(kRootIno), 5);
  EXPECT_EQ(catalog->HandlesOf(ino).passthrough + catalog->HandlesOf(ino).cached, 0u);
  EXPECT_FALSE(catalog->no_open());
}

TEST_F(CatalogTest, HandlesAreNeverCountedBelowZero) {
  const Ino ino = Put(kRootIno, File("f", "v1"));
  catalog->AddHandle(ino, true);
  EXPECT_EQ(catalog->RemoveHandle(ino, true).passthrough, 0u);
  EXPECT_EQ(catalog->RemoveHandle(ino, true).passthrough, 0u);
  EXPECT_EQ(catalog->HandlesOf(12345).passthrough, 0u);
}

TEST_F(CatalogTest, DamagedNamesAreNotKept) {
  Put(kRootIno, File("f", "v1"));
  catalog.reset();
  std::ofstream(directory.path() + "/nodes", std::ios::binary | std::ios::trunc) << "no catalog";
  ASSERT_OK_AND_ASSIGN(catalog, Catalog::Open(directory.path(), Catalog::Keep::kNames));
  EXPECT_EQ(catalog->node_count(), 1u);
}

TEST_F(CatalogTest, PositionsSurviveRemovals) {
  std::vector<Ino> inos;
  for (int i = 0; i < 10; ++i) inos.push_back(Put(kRootIno, File(std::to_string(i), "v")));
  const auto first = catalog->Children(kRootIno, 0, 4);
  ASSERT_EQ(first.size(), 4u);
  catalog->Remove(kRootIno, "1");
  catalog->Remove(kRootIno, "5");
  const auto rest = catalog->Children(kRootIno, first.back().ino, 100);
  ASSERT_EQ(rest.size(), 5u);
  EXPECT_EQ(rest.front().ino, inos[4]);
}

TEST_F(CatalogTest, ADirectoryHidesAFileOfItsName) {
  Put(kRootIno, File("a", "v"), 7);
  Put(kRootIno, Directory("a"), 7);
  EXPECT_EQ(catalog->Find(kRootIno, "a")->entry.kind, Entry::Kind::kDirectory);
  Put(kRootIno, File("a", "v"), 7);  // whichever order the listing has
  EXPECT_EQ(catalog->Find(kRootIno, "a")->entry.kind, Entry::Kind::kDirectory);
}

TEST_F(CatalogTest, WhatAListingNoLongerHasGoes) {
  Put(kRootIno, File("old", "v"), 1);
  Put(kRootIno, File("kept", "v"), 1);
  Put(kRootIno, File("kept", "v"), 2);
  catalog->RemoveUnconfirmed(kRootIno, 2);
  EXPECT_FALSE(catalog->Find(kRootIno, "old"));
  EXPECT_TRUE(catalog->Find(kRootIno, "kept"));
}

TEST_F(CatalogTest, DamagedFilesAreRefused) {
  Put(kRootIno, File("f", "v"));
  catalog.reset();
  {
    std::FILE* file = std::fopen((directory / "nodes").c_str(), "r+b");
    std::fputs("garbage", file);
    std::fclose(file);
  }
  EXPECT_TRUE(Fails(Catalog::Open(directory.path(), Catalog::Keep::kAll).status(), StatusCode::kDataLoss, "nodes"));
}

// Each of a node's fields that leads somewhere leads nowhere else.
TEST_F(CatalogTest, DamagedNodesAreRefused) {
  const Ino dir = Put(kRootIno, Directory("d"));
  Put(dir, File("f", "v"));
  Put(dir, File("g", "v"));
  catalog.reset();
  const std::string good = ReadAll("nodes");
  const auto damaged = [&](size_t offset, const std::string& bytes) {
    std::string nodes = good;
    nodes.replace(offset, bytes.size(), bytes);
    std::ofstream(directory / "nodes", std::ios::binary | std::ios::trunc) << nodes;
    return Catalog::Open(directory.path(), Catalog::Keep::kAll).status().code() == StatusCode::kDataLoss;
  };
  constexpr size_t kRoot = 64;
  constexpr size_t kFile = 64 + 2 * 64;  // parent, name offset at 8, lengths at 16 and 18, kind at 20
  EXPECT_TRUE(damaged(8, std::string(8, '\0'))) << "fewer bytes used than a header";
  EXPECT_TRUE(damaged(8, std::string(1, '\x41'))) << "within a node";
  EXPECT_TRUE(damaged(kRoot + 8, std::string(8, '\x7f'))) << "the root's name";
  EXPECT_TRUE(damaged(kFile, std::string(1, '\4'))) << "a child of what comes later";
  EXPECT_TRUE(damaged(kFile + 64, std::string(1, '\3'))) << "a child of a file";
  EXPECT_TRUE(damaged(kFile + 8, std::string("\xfe") + std::string(7, '\xff'))) << "a name that ends before it begins";
  EXPECT_TRUE(damaged(kFile + 16, std::string(1, '\0'))) << "no name";
  EXPECT_TRUE(damaged(kFile + 20, std::string(1, '\7'))) << "a kind that there is not";
  EXPECT_TRUE(damaged(kFile + 64 + 8, good.substr(kFile + 8, 8))) << "a name twice";
  EXPECT_FALSE(damaged(0, ""));
}

TEST_F(CatalogTest, WhatIsBelowADirectoryGoesWithIt) {
  const Ino kept = Put(kRootIno, Directory("kept"), 2);
  const Ino gone = Put(kRootIno, Directory("gone"), 1);
  const Ino below = Put(gone, Directory("below"));
  Put(below, File("f", "v", 30));
  Put(kept, File("f", "v", 7));
  EXPECT_EQ(catalog->totals().bytes, 37u);
  catalog->RemoveUnconfirmed(kRootIno, 2);
  EXPECT_EQ(catalog->totals().files, 1u);
  EXPECT_EQ(catalog->totals().bytes, 7u);
  EXPECT_FALSE(catalog->Find(below, "f"));
  const Ino late = Put(below, File("g", "v", 50));  // by somebody who is in there still
  EXPECT_EQ(catalog->Find(below, "g")->ino, late);
  EXPECT_EQ(catalog->totals().bytes, 7u);
  catalog->Remove(below, "g");
  EXPECT_EQ(catalog->totals().bytes, 7u);
  Open(/*resume=*/true);
  EXPECT_EQ(catalog->totals().bytes, 7u);
}

TEST_F(CatalogTest, TheTotalsAreAllWhenEveryDirectoryHasBeenListed) {
  EXPECT_FALSE(catalog->totals().listed);
  const Ino a = Put(kRootIno, Directory("a"));
  const Ino b = Put(a, Directory("b"));
  catalog->SetListed(kRootIno, 1, 0);
  catalog->SetListed(a, 1, 0);
  EXPECT_FALSE(catalog->totals().listed);
  Open(/*resume=*/true);
  EXPECT_FALSE(catalog->totals().listed);
  catalog->SetListed(b, 1, 0);
  catalog->SetListed(b, 2, 0);
  EXPECT_TRUE(catalog->totals().listed);
  const Ino c = Put(b, Directory("c"));
  EXPECT_FALSE(catalog->totals().listed);
  catalog->Remove(kRootIno, "a");
  EXPECT_TRUE(catalog->totals().listed);
  catalog->SetListed(c, 3, 0);  // it was under way
  Open(/*resume=*/true);
  EXPECT_TRUE(catalog->totals().listed);
}

}  // namespace
}  // namespace sluice::cache

#include "cache/list_ahead.h"

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::cache {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ListAheadTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(catalog, Catalog::Open(directory.path(), Catalog::Keep::kNothing)); }

  Ino Put(Ino parent, const std::string& name, source::Entry::Kind kind = source::Entry::Kind::kDirectory) {
    source::Entry entry;
    entry.name = name;
    entry.kind = kind;
    return catalog->Put(parent, entry, 1)->ino;
  }
  std::vector<Ino> PutMany(Ino parent, size_t count) {
    std::vector<Ino> directories;
    for (size_t i = 0; i < count; ++i) {
      Put(parent, fmt::format("file{}", i), source::Entry::Kind::kFile);
      directories.push_back(Put(parent, fmt::format("d{}", i)));
    }
    return directories;
  }

  TempDir directory;
  std::unique_ptr<Catalog> catalog;
};

TEST_F(ListAheadTest, GrowsWithEachStepOfAWalk) {
  const std::vector<Ino> d = PutMany(kRootIno, 60);
  ListAhead ahead(*catalog);
  EXPECT_THAT(ahead.OnRead(kRootIno), IsEmpty()) << "the first directory is no walk yet";
  EXPECT_THAT(ahead.OnRead(d[0]), ElementsAre(d[1], d[2]));
  EXPECT_EQ(ahead.OnRead(d[1]).size(), 4u);
  EXPECT_EQ(ahead.OnRead(d[2]).size(), 8u);
  EXPECT_EQ(ahead.OnRead(d[3]).size(), 16u);
  EXPECT_EQ(ahead.OnRead(d[4]).size(), ListAhead::kMax);
  EXPECT_THAT(ahead.OnRead(d[57]), IsEmpty()) << "a jump ends the walk";
  EXPECT_THAT(ahead.OnRead(d[58]), ElementsAre(d[59])) << "and what is beside begins another";
  EXPECT_THAT(ahead.OnRead(d[59]), IsEmpty());
}

TEST_F(ListAheadTest, GoesDownBeforeItGoesOn) {
  const std::vector<Ino> d = PutMany(kRootIno, 3);
  const std::vector<Ino> e = PutMany(d[0], 2);
  const std::vector<Ino> f = PutMany(d[1], 2);
  ListAhead ahead(*catalog);
  ahead.OnRead(kRootIno);
  EXPECT_THAT(ahead.OnRead(d[0]), ElementsAre(e[0], e[1]));
  EXPECT_THAT(ahead.OnRead(e[0]), ElementsAre(e[1], d[1], f[0], f[1]));
  EXPECT_THAT(ahead.OnRead(e[1]), ElementsAre(d[1], f[0], f[1], d[2]));
  EXPECT_THAT(ahead.OnRead(d[1]), ElementsAre(f[0], f[1], d[2]));
}

TEST_F(ListAheadTest, StaysBelowWhereTheWalkBegan) {
  const std::vector<Ino> d = PutMany(kRootIno, 20);
  const std::vector<Ino> e = PutMany(d[3], 2);
  ListAhead ahead(*catalog);
  EXPECT_THAT(ahead.OnRead(d[3]), IsEmpty());
  EXPECT_THAT(ahead.OnRead(e[0]), ElementsAre(e[1]));
  EXPECT_THAT(ahead.OnRead(e[1]), IsEmpty()) << "what stands beside the top is not the walk's";
  EXPECT_THAT(ahead.OnRead(d[4]), IsEmpty());
}

TEST_F(ListAheadTest, HereAndThereIsNoWalk) {
  const std::vector<Ino> d = PutMany(kRootIno, 400);
  ListAhead ahead(*catalog);
  ahead.OnRead(kRootIno);
  for (size_t i = 1; i < 20; ++i) EXPECT_THAT(ahead.OnRead(d[i * 20]), IsEmpty()) << i;
  for (size_t i = 19; i > 0; --i) EXPECT_THAT(ahead.OnRead(d[i * 20 - 1]), IsEmpty()) << i;
}

TEST_F(ListAheadTest, TellsWalksApart) {
  const std::vector<Ino> d = PutMany(kRootIno, 2);
  const std::vector<Ino> e = PutMany(d[0], 30);
  const std::vector<Ino> f = PutMany(d[1], 30);
  ListAhead ahead(*catalog);
  ahead.OnRead(d[0]);
  ahead.OnRead(d[1]);
  for (size_t i = 0; i < 5; ++i) {
    ahead.OnRead(e[i]);
    ahead.OnRead(f[i]);
  }
  EXPECT_EQ(ahead.OnRead(e[5]).front(), e[6]);
  EXPECT_EQ(ahead.OnRead(f[5]).front(), f[6]);
  EXPECT_EQ(ahead.OnRead(e[6]).size(), ListAhead::kMax);
  EXPECT_EQ(ahead.OnRead(f[6]).size(), ListAhead::kMax);
}

}  // namespace
}  // namespace sluice::cache

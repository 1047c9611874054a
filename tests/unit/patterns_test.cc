#include "daemon/walk.h"
#include "tests/support/matchers.h"

namespace sluice::daemon {
namespace {

TEST(Patterns, PathsMeanThemselvesAndAllBelow) {
  const Patterns patterns({"a/b", "/c/"});
  EXPECT_TRUE(patterns.Matches("a/b"));
  EXPECT_TRUE(patterns.Matches("a/b/x/y"));
  EXPECT_TRUE(patterns.Matches("c/x"));
  EXPECT_FALSE(patterns.Matches("a/bc"));
  EXPECT_FALSE(patterns.Matches("a"));
}

TEST(Patterns, GlobsStayWithinAComponentUnlessDoubled) {
  const Patterns patterns({"a/*.bin", "x/**.txt"});
  EXPECT_TRUE(patterns.Matches("a/f.bin"));
  EXPECT_FALSE(patterns.Matches("a/b/f.bin"));
  EXPECT_TRUE(patterns.Matches("x/y/z.txt"));
}

TEST(Patterns, DirectoriesThatCannotMatchAreNotWalked) {
  const Patterns patterns({"a/b/c", "q/w*"});
  for (const char* yes : {"a", "a/b", "a/b/c/d", "q", "q/wx"}) EXPECT_TRUE(patterns.MayMatchBelow(yes)) << yes;
  for (const char* no : {"b", "a/c", "q/x"}) EXPECT_FALSE(patterns.MayMatchBelow(no)) << no;
  EXPECT_TRUE(Patterns({}).MayMatchBelow("anything"));
  EXPECT_TRUE(Patterns({"d\\ir/*"}).Matches("dir/x") && Patterns({"d\\ir/*"}).MayMatchBelow("dir")) << "escaped";
}

}  // namespace
}  // namespace sluice::daemon

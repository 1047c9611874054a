#include "common/printable.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Printable, WhatIsNoUtf8IsAQuestionMark) {
  EXPECT_EQ(Printable("größe 漢字 😀", 100), "größe 漢字 😀");
  EXPECT_EQ(Printable("a\xff"
                      "b\xc3(\xe6\xbc",
                      100),
            "a?b?(??");
  EXPECT_EQ(Printable("\xed\xa0\x80", 100), "???") << "half of a pair";
  EXPECT_EQ(Printable("", 100), "");
}

TEST(Printable, WhatIsTooLongIsCutBetweenCharacters) {
  EXPECT_EQ(Printable("abc", 3), "abc");
  EXPECT_EQ(Printable("abcd", 3), "abc…");
  EXPECT_EQ(Printable("漢字", 5), "漢…");
}

}  // namespace
}  // namespace sluice

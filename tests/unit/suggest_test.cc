#include "common/suggest.h"

#include "tests/support/matchers.h"

namespace sluice {
namespace {

constexpr std::string_view kWords[] = {"source", "endpoint", "region", "uid"};

TEST(Suggest, FindsTheNearWord) {
  EXPECT_EQ(Nearest("sorce", kWords), "source");
  EXPECT_EQ(Nearest("EndPiont", kWords), "endpoint");
  EXPECT_EQ(Nearest("uld", kWords), "uid");
}

TEST(Suggest, SaysNothingWhenNoneIsNear) {
  EXPECT_EQ(Nearest("completely", kWords), "");
  EXPECT_EQ(DidYouMean("completely", kWords), "; known: source, endpoint, region, uid");
}

}  // namespace
}  // namespace sluice

#include "common/bytes.h"

#include "tests/support/matchers.h"

namespace sluice {
namespace {

TEST(Bytes, ParsesWhatPeopleWrite) {
  const std::pair<const char*, uint64_t> cases[] = {{"0", 0},
                                                    {"123", 123},
                                                    {"4k", 4096},
                                                    {"64MiB", 64 * kMiB},
                                                    {"1.5GB", 3 * kGiB / 2},
                                                    {"2T", 2048 * kGiB},
                                                    {"10 MiB", 10 * kMiB}};
  for (const auto& [text, want] : cases) {
    ASSERT_OK_AND_ASSIGN(const uint64_t bytes, ParseBytes(text));
    EXPECT_EQ(bytes, want) << text;
  }
}

TEST(Bytes, RefusesTheRestWithAnExample) {
  for (const char* text : {"", "MiB", "-1", "1XB", "12 parsecs", "nan", "1e30", "0x10G"}) {
    EXPECT_TRUE(Fails(ParseBytes(text).status(), StatusCode::kInvalidArgument, "512MiB")) << text;
  }
}

TEST(Bytes, RatesMayBeNone) {
  EXPECT_EQ(*ParseRate("none"), 0u);
  EXPECT_EQ(*ParseRate("200MiB/s"), 200 * kMiB);
  EXPECT_TRUE(Fails(ParseRate("fast").status(), StatusCode::kInvalidArgument, "200MiB/s"));
}

TEST(Bytes, FormatsForPeople) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1536), "1.50 KiB");
  EXPECT_EQ(FormatBytes(300 * kGiB), "300 GiB");
}

}  // namespace
}  // namespace sluice

#include "source/uri.h"

#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

TEST(Uri, Parses) {
  ASSERT_OK_AND_ASSIGN(const Uri s3, ParseUri("S3://bucket/a?b#c"));
  EXPECT_EQ(s3.scheme, "s3");
  EXPECT_EQ(s3.authority, "bucket");
  EXPECT_EQ(s3.path, "/a?b#c") << "'?' and '#' are letters of a key";
  ASSERT_OK_AND_ASSIGN(const Uri http, ParseUri("https://host:8/p/q?x=1#manifest"));
  EXPECT_EQ(http.authority, "host:8");
  EXPECT_EQ(http.path, "/p/q");
  EXPECT_EQ(http.query, "x=1");
  EXPECT_EQ(http.fragment, "manifest");
}

TEST(Uri, RefusesWhatIsNone) {
  EXPECT_TRUE(Fails(ParseUri("bucket").status(), StatusCode::kInvalidArgument, "s3://BUCKET"));
  EXPECT_TRUE(Fails(ParseUri("http://user:pw@host/").status(), StatusCode::kInvalidArgument, "secrets"));
}

TEST(Uri, EncodingRoundTrips) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(PercentDecode(PercentEncode(all, false)), all);
  EXPECT_EQ(PercentEncode("a/b c", true), "a/b%20c");
  EXPECT_EQ(PercentDecode("100%"), "100%");
}

TEST(Uri, ResolvesReferences) {
  constexpr std::string_view base = "http://h/a/b.json?x#manifest";
  EXPECT_EQ(ResolveUrl(base, "c.bin"), "http://h/a/c.bin");
  EXPECT_EQ(ResolveUrl(base, "/c.bin"), "http://h/c.bin");
  EXPECT_EQ(ResolveUrl(base, "https://o/c"), "https://o/c");
  EXPECT_EQ(ResolveUrl("http://h", "c"), "http://h/c");
}

TEST(Uri, Dates) {
  EXPECT_EQ(ParseHttpDate("Fri, 02 Jan 2026 03:04:05 GMT"), 1767323045);
  EXPECT_EQ(ParseIsoDate("2026-01-02T03:04:05.678Z"), 1767323045);
  EXPECT_EQ(ParseIsoDate("yesterday"), 0);
}

TEST(Uri, DatesThatNanosecondsDoNotReachAreNone) {
  EXPECT_EQ(ParseIsoDate("9999-12-31T23:59:59Z"), 0);
  EXPECT_EQ(ParseHttpDate("Mon, 01 Jan 0001 00:00:00 GMT"), 0);
  EXPECT_EQ(ParseIsoDate("2262-04-11T23:47:16Z"), 9223372036);
  EXPECT_EQ(ParseIsoDate("2262-04-11T23:47:17Z"), 0);
}

}  // namespace
}  // namespace sluice::source

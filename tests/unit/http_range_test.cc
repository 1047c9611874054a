#include "source/http_range.h"

#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

Status Check(int status, std::map<std::string, std::string> headers, const std::string& version = "v") {
  HttpReply reply;
  reply.status = status;
  reply.headers = std::move(headers);
  return RangeGuard({100, 50}, version, "object")(reply);
}

TEST(HttpRange, AcceptsExactlyWhatWasAskedFor) {
  EXPECT_TRUE(Check(206, {{"etag", "\"v\""}, {"content-range", "bytes 100-149/1000"}, {"content-length", "50"}}).ok());
}

TEST(HttpRange, RefusesOtherVersionsRangesAndLengths) {
  EXPECT_EQ(Check(206, {{"etag", "\"w\""}, {"content-range", "bytes 100-149/1000"}}).code(), StatusCode::kAborted);
  EXPECT_EQ(Check(206, {{"content-range", "bytes 100-149/1000"}}).code(), StatusCode::kAborted) << "no ETag any more";
  EXPECT_EQ(Check(206, {{"etag", "\"v\""}, {"content-range", "bytes 0-49/1000"}}).code(), StatusCode::kDataLoss);
  EXPECT_EQ(Check(206, {{"etag", "\"v\""}}).code(), StatusCode::kDataLoss);
  EXPECT_EQ(Check(206, {{"etag", "\"v\""}, {"content-range", "bytes 100-149/1000"}, {"content-length", "51"}}).code(),
            StatusCode::kDataLoss);
  EXPECT_EQ(Check(200, {{"etag", "\"v\""}, {"content-length", "1000"}}).code(), StatusCode::kDataLoss);
}

TEST(HttpRange, VersionsWithoutEtagsAreTheirDate) {
  EXPECT_EQ(VersionOf("\"e\"", "date"), "e");
  EXPECT_EQ(VersionOf("W/\"e\"", "date"), "~date");
  EXPECT_EQ(ConditionHeader("e"), "If-Match: \"e\"");
  EXPECT_EQ(ConditionHeader("~date"), "");
  EXPECT_TRUE(Check(206, {{"last-modified", "date"}, {"content-range", "bytes 100-149/1000"}}, "~date").ok());
  EXPECT_EQ(Check(206, {{"last-modified", "later"}, {"content-range", "bytes 100-149/1000"}}, "~date").code(),
            StatusCode::kAborted);
}

TEST(HttpRange, AVersionAddsNoHeaders) {
  EXPECT_EQ(ConditionHeader("v\"\r\nHost: inside"), "") << "as a manifest may say";
  EXPECT_EQ(ConditionHeader("blank inside"), "If-Match: \"blank inside\"");
}

}  // namespace
}  // namespace sluice::source

#include "source/s3_source.h"

#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

// "HOST PATH" of the bucket.
std::string Address(const std::string& bucket, const std::string& endpoint, std::optional<bool> path_style = {}) {
  S3Options options;
  options.bucket = bucket;
  options.path_style = path_style;
  const S3Address address = AddressOf(options, *ParseUri(endpoint));
  return address.host + " " + address.path;
}

TEST(S3Address, HasTheBucketInThePathOrInTheHost) {
  EXPECT_EQ(Address("b", "http://h:9000"), "h:9000 /b");
  EXPECT_EQ(Address("b", "http://h:9000", false), "b.h:9000 ");
  EXPECT_EQ(Address("b", "https://s3.eu-west-1.amazonaws.com"), "b.s3.eu-west-1.amazonaws.com ");
  EXPECT_EQ(Address("b", "https://s3.eu-west-1.amazonaws.com", true), "s3.eu-west-1.amazonaws.com /b");
}

TEST(S3Address, NoCertificateIsForABucketWithDots) {
  EXPECT_EQ(Address("a.b", "https://s3.eu-west-1.amazonaws.com"), "s3.eu-west-1.amazonaws.com /a.b");
  EXPECT_EQ(Address("a.b", "https://s3.eu-west-1.amazonaws.com", false), "a.b.s3.eu-west-1.amazonaws.com ");
}

TEST(S3Address, LeavesOutTheSchemesOwnPort) {
  EXPECT_EQ(Address("b", "https://h:443"), "h /b");
  EXPECT_EQ(Address("b", "http://h:80/", false), "b.h ");
  EXPECT_EQ(Address("b", "http://h:443"), "h:443 /b");
  EXPECT_EQ(Address("b", "https://[::1]:443"), "[::1] /b");
}

TEST(S3Address, KeepsTheEndpointsPath) {
  EXPECT_EQ(Address("b", "https://h/storage/v1/s3/"), "h /storage/v1/s3/b");
  EXPECT_EQ(Address("b", "https://h/s3", false), "b.h /s3");
}

}  // namespace
}  // namespace sluice::source

#include "source/sigv4.h"

#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

// The examples of "Signature Calculations for the Authorization Header", Amazon S3 API Reference.
const Credentials kCredentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
constexpr const char* kHost = "examplebucket.s3.amazonaws.com";
const WallTime kTime = std::chrono::system_clock::from_time_t(1369353600);  // 2013-05-24T00:00:00Z

std::string SignatureOf(const SigningRequest& request) {
  const std::string authorization = Sign(request, kCredentials, "us-east-1", kTime).back();
  return authorization.substr(authorization.find("Signature=") + 10);
}

TEST(SigV4, SignsTheDocumentedLifecycleRequest) {
  EXPECT_EQ(SignatureOf({"GET", kHost, "/", {{"lifecycle", ""}}}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigV4, SignsTheDocumentedListRequest) {
  EXPECT_EQ(SignatureOf({"GET", kHost, "/", {{"prefix", "J"}, {"max-keys", "2"}}}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, SessionTokensAreSigned) {
  Credentials credentials = kCredentials;
  credentials.session_token = "token";
  const auto headers = Sign({"GET", kHost, "/", {}}, credentials, "us-east-1", kTime);
  EXPECT_THAT(headers, testing::Contains("x-amz-security-token: token"));
  EXPECT_THAT(headers.back(), testing::HasSubstr("x-amz-security-token"));
}

TEST(SigV4, HeadersOfTheRequestAreSigned) {
  const SigningRequest request{"GET", kHost, "/", {}, {{"x-amz-checksum-mode", "ENABLED"}}};
  const auto headers = Sign(request, kCredentials, "us-east-1", kTime);
  EXPECT_THAT(headers, testing::Contains("x-amz-checksum-mode: ENABLED"));
  EXPECT_THAT(headers.back(), testing::HasSubstr("SignedHeaders=host;x-amz-checksum-mode;x-amz-content-sha256"));
}

TEST(SigV4, QueriesAreSortedAndEncoded) {
  EXPECT_EQ(EncodeQuery({{"prefix", "a b/+&=ü"}, {"list-type", "2"}}), "list-type=2&prefix=a%20b%2F%2B%26%3D%C3%BC");
}

}  // namespace
}  // namespace sluice::source

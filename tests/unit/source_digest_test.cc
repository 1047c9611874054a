#include "source/source_digest.h"

#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

using Algorithm = Digest::Algorithm;

constexpr const char* kMd5 = "5eb63bbbe01eeed093cb22bb8f5acdc3";                 // of "hello world"
constexpr const char* kSha256 = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";  // the same, base64
constexpr const char* kSha256Hex = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

HttpReply Reply(const std::vector<std::string>& lines, int status = 200) {
  HttpReply reply;
  reply.status = status;
  for (const auto& line : lines) TakeHeaderLine(line, &reply);
  return reply;
}

// "ALGORITHM HEX", "ALGORITHM? HEX" for a guess, "none".
std::string Shown(const std::optional<Digest>& digest) {
  if (!digest) return "none";
  return fmt::format("{}{} {}", NameOf(digest->algorithm), digest->is_guess ? "?" : "", Hex(digest->value));
}
std::string S3(const std::vector<std::string>& lines) { return Shown(DigestOfS3(Reply(lines))); }
std::string Http(const std::vector<std::string>& lines, int status = 200) {
  return Shown(DigestOfHttp(Reply(lines, status)));
}

std::string Hash(Algorithm algorithm, std::string_view first, std::string_view second) {
  DigestStream stream(algorithm);
  stream.Add(std::as_bytes(std::span(first)));
  stream.Add(std::as_bytes(std::span(second)));
  return Hex(stream.Finish());
}

TEST(DigestStream, HashesBytesInOrder) {
  EXPECT_EQ(Hash(Algorithm::kMd5, "hello ", "world"), kMd5);
  EXPECT_EQ(Hash(Algorithm::kSha1, "hello ", "world"), "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
  EXPECT_EQ(Hash(Algorithm::kSha256, "hello ", "world"), kSha256Hex);
  EXPECT_EQ(Hash(Algorithm::kCrc32, "hello ", "world"), "0d4a1185");
  // The check values of https://reveng.sourceforge.io/crc-catalogue.
  EXPECT_EQ(Hash(Algorithm::kCrc32c, "1234", "56789"), "e3069283");
  EXPECT_EQ(Hash(Algorithm::kCrc64Nvme, "1234", "56789"), "ae8b14860a799888");
}

TEST(DigestOfS3, TakesChecksumsOfWholeObjects) {
  EXPECT_EQ(S3({std::string("x-amz-checksum-sha256: ") + kSha256}), std::string("SHA-256 ") + kSha256Hex);
  EXPECT_EQ(S3({"X-Amz-Checksum-Crc32: DUoRhQ==", "x-amz-checksum-type: FULL_OBJECT"}), "CRC32 0d4a1185");
  EXPECT_EQ(S3({"x-amz-checksum-crc32c: 4waSgw=="}), "CRC32C e3069283");
  EXPECT_EQ(S3({"x-amz-checksum-crc64nvme: rosUhgp5mIg="}), "CRC64NVME ae8b14860a799888");
  EXPECT_EQ(S3({"x-amz-checksum-sha1: Kq5sNclPz7QV2+lfQIuc6R7oRu0="}),
            "SHA-1 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
}

TEST(DigestOfS3, LeavesThoseOfPartsAndOfUnknownKinds) {
  EXPECT_EQ(S3({"x-amz-checksum-crc32: DUoRhQ==-3"}), "none");
  EXPECT_EQ(S3({"x-amz-checksum-crc32: DUoRhQ==", "x-amz-checksum-type: COMPOSITE"}), "none");
  EXPECT_EQ(S3({"x-amz-checksum-xxh3: rLh8pIOW4FQ="}), "none");
  EXPECT_EQ(S3({"x-amz-checksum-sha256: DUoRhQ=="}), "none") << "of another length";
  EXPECT_EQ(S3({"x-amz-checksum-crc32: nonsense!"}), "none");
}

TEST(DigestOfS3, AnETagMayBeAnMd5) {
  const std::string etag = fmt::format("ETag: \"{}\"", kMd5);
  EXPECT_EQ(S3({etag}), std::string("MD5? ") + kMd5);
  EXPECT_EQ(S3({etag, "x-amz-server-side-encryption: AES256"}), std::string("MD5? ") + kMd5);
  EXPECT_EQ(S3({etag, "x-amz-checksum-crc32: DUoRhQ=="}), "CRC32 0d4a1185") << "what is certain goes first";
}

TEST(DigestOfS3, AnETagOfPartsOrOfWhatIsEncryptedIsNone) {
  const std::string etag = fmt::format("ETag: \"{}\"", kMd5);
  EXPECT_EQ(S3({fmt::format("ETag: \"{}-2\"", kMd5)}), "none");
  EXPECT_EQ(S3({fmt::format("ETag: W/\"{}\"", kMd5)}), "none");
  EXPECT_EQ(S3({etag, "x-amz-server-side-encryption: aws:kms"}), "none");
  EXPECT_EQ(S3({etag, "x-amz-server-side-encryption: aws:kms:dsse"}), "none");
  EXPECT_EQ(S3({etag, "x-amz-server-side-encryption-customer-algorithm: AES256"}), "none");
}

TEST(DigestOfHttp, TakesWhatIsOfTheWholeFile) {
  const std::string want = std::string("SHA-256 ") + kSha256Hex;
  EXPECT_EQ(Http({fmt::format("Repr-Digest: sha-512=:AAAA:, sha-256=:{}:", kSha256)}, 206), want);
  EXPECT_EQ(Http({fmt::format("Digest: MD5=XrY7u+Ae7tCTyyK7j1rNww==,SHA-256={}", kSha256)}, 206), want);
  EXPECT_EQ(Http({"Digest: md5=XrY7u+Ae7tCTyyK7j1rNww=="}), std::string("MD5 ") + kMd5);
  EXPECT_EQ(Http({"Content-MD5: XrY7u+Ae7tCTyyK7j1rNww=="}), std::string("MD5 ") + kMd5);
}

TEST(DigestOfHttp, LeavesWhatIsNot) {
  EXPECT_EQ(Http({"Content-MD5: XrY7u+Ae7tCTyyK7j1rNww=="}, 206), "none") << "of the part that was sent";
  EXPECT_EQ(Http({fmt::format("Content-Digest: sha-256=:{}:", kSha256)}, 206), "none");
  EXPECT_EQ(Http({fmt::format("Repr-Digest: sha-256=:{}:", kSha256), "Content-Encoding: gzip"}), "none");
  EXPECT_EQ(Http({fmt::format("Repr-Digest: sha-256={}", kSha256)}), "none") << "no byte sequence";
  EXPECT_EQ(Http({fmt::format("ETag: \"{}\"", kMd5)}), "none") << "no S3";
}

TEST(DigestOfHttp, TakesAModelHubsFromTheRedirect) {
  const std::vector<std::string> lines = {"HTTP/1.1 302 Found", fmt::format("X-Linked-ETag: \"{}\"", kSha256Hex),
                                          "HTTP/1.1 206 Partial Content", "ETag: \"other\""};
  EXPECT_EQ(Http(lines, 206), std::string("SHA-256 ") + kSha256Hex);
  EXPECT_EQ(Http({fmt::format("X-Linked-ETag: \"{}\"", kMd5)}), "none") << "a file of git's own";
}

TEST(KeepBetter, KeepsWhatIsCertain) {
  const auto guess = DigestOfHex(Algorithm::kMd5, kMd5);
  std::optional<Digest> kept;
  KeepBetter(std::nullopt, &kept);
  EXPECT_FALSE(kept);
  Digest md5 = *guess;
  md5.is_guess = true;
  KeepBetter(md5, &kept);
  EXPECT_TRUE(kept->is_guess);
  KeepBetter(DigestOfHex(Algorithm::kSha256, kSha256Hex), &kept);
  KeepBetter(md5, &kept);
  EXPECT_EQ(kept->algorithm, Algorithm::kSha256);
  KeepBetter(md5, nullptr);
}

}  // namespace
}  // namespace sluice::source

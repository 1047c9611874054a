#include "source/s3_listing.h"

#include <random>

#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

constexpr std::string_view kListing = R"(<?xml version="1.0"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><EncodingType>url</EncodingType>
<Prefix>p%2F</Prefix><IsTruncated>true</IsTruncated><NextContinuationToken>to/ken==</NextContinuationToken>
<Contents><Key>p/</Key><Size>0</Size></Contents>
<Contents><Key>p/a%20b%2Bc</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;e1&quot;</ETag><Size>42</Size></Contents>
<Contents><Key>p/no-etag</Key><LastModified>2026-01-02T03:04:05Z</LastModified><ETag></ETag><Size>1</Size></Contents>
<Contents><Key>p/..</Key><Size>1</Size></Contents>
<CommonPrefixes><Prefix>p/dir/</Prefix></CommonPrefixes>
<CommonPrefixes><Prefix>p//</Prefix></CommonPrefixes>
</ListBucketResult>)";

TEST(S3Listing, ReadsEntriesAndCountsWhatCannotBeShown) {
  ASSERT_OK_AND_ASSIGN(const Page page, ParseListing(kListing, "p/"));
  ASSERT_EQ(page.entries.size(), 3u);
  EXPECT_EQ(page.entries[0].name, "a b+c");
  EXPECT_EQ(page.entries[0].size_bytes, 42u);
  EXPECT_EQ(page.entries[0].version, "e1");
  EXPECT_EQ(page.entries[0].mtime_ns, 1767323045LL * 1'000'000'000);
  EXPECT_EQ(page.entries[2].version, "~Fri, 02 Jan 2026 03:04:05 GMT") << "as a Last-Modified header says it";
  EXPECT_EQ(page.entries[1].kind, Entry::Kind::kDirectory);
  EXPECT_EQ(page.entries[1].name, "dir") << "in the order of keys";
  EXPECT_EQ(page.hidden, 2u);
  EXPECT_EQ(page.hidden_keys, (std::vector<std::string>{"..", "/"}));
  EXPECT_EQ(page.next, "to/ken==");
  EXPECT_TRUE(page.marked) << "by the key 'p/'";
}

TEST(S3Listing, ADirectoryMayHaveNothingButItsMarker) {
  ASSERT_OK_AND_ASSIGN(const Page page, ParseListing("<ListBucketResult><Contents><Key>p/</Key></Contents>"
                                                     "</ListBucketResult>",
                                                     "p/"));
  EXPECT_TRUE(page.marked && page.entries.empty() && page.hidden == 0);
  ASSERT_OK_AND_ASSIGN(const Page nothing, ParseListing("<ListBucketResult/>", "p/"));
  EXPECT_FALSE(nothing.marked);
}

TEST(S3Listing, NonsenseIsAnError) {
  EXPECT_TRUE(Fails(ParseListing("", "").status(), StatusCode::kDataLoss, "XML"));
  EXPECT_TRUE(Fails(ParseListing("<Error/>", "").status(), StatusCode::kDataLoss, "ListBucketResult"));
  EXPECT_TRUE(Fails(ParseListing("<ListAllMyBucketsResult/>", "").status(), StatusCode::kDataLoss,
                    "'ListAllMyBucketsResult'; check endpoint and pathStyle"));
  EXPECT_TRUE(Fails(ParseListing("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "").status(),
                    StatusCode::kDataLoss, "continuation"));
}

TEST(S3Listing, DamagedTextNeverBreaksTheParser) {
  std::mt19937 random(5);
  for (int i = 0; i < 5'000; ++i) {
    std::string text(kListing);
    for (int j = 0; j < 5; ++j) text[random() % text.size()] = static_cast<char>(random());
    text.resize(random() % text.size());
    const auto page = ParseListing(text, "p/");
    if (!page.ok()) continue;
    for (const Entry& entry : page->entries) EXPECT_TRUE(IsShowable(entry.name));
  }
}

TEST(S3Listing, ErrorsHaveACodeAndAMessage) {
  const S3Error error = ParseS3Error("<Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>");
  EXPECT_EQ(error.code, "NoSuchBucket");
  EXPECT_EQ(error.message, "gone");
  EXPECT_EQ(ParseS3Error("no xml").code, "");
}

TEST(S3Listing, ATokenThatIsNotAcceptedIsACredential) {
  EXPECT_TRUE(RefusesCredentials({"ExpiredToken", ""}));
  EXPECT_TRUE(RefusesCredentials({"InvalidToken", ""})) << "AWS";
  EXPECT_TRUE(RefusesCredentials({"InvalidTokenId", ""})) << "MinIO";
  EXPECT_FALSE(RefusesCredentials({"AccessDenied", ""}));
  EXPECT_FALSE(RefusesCredentials({}));
}

}  // namespace
}  // namespace sluice::source

#include "csi/volume_change.h"

#include <google/protobuf/util/message_differencer.h>

#include "csi/changed_parameters.h"
#include "csi/secrets.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::csi {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const StringMap kMade = {{"source", "s3://a"}, {"endpoint", "https://h"}};
const StringMap kSecret = {{"accessKeyId", "i"}, {"secretAccessKey", "k"}};

StringMap With(StringMap more) {
  more.insert(kMade.begin(), kMade.end());
  return more;
}

broker::v1::VolumeSpec Made(const StringMap& more = {}) { return ParseVolumeParameters("v", With(more))->spec; }

TEST(VolumeChange, WhatChangesAtOnce) {
  const StringMap wanted = With({{"consistency", "strong"}, {"metadataTtl", "5s"}, {"cache", R"({"ssd": {}})"}});
  ASSERT_OK_AND_ASSIGN(const VolumeChange change, ChangeOf(Made(), wanted, kSecret));
  EXPECT_THAT(change.unchanged, IsEmpty());
  EXPECT_EQ(change.spec.consistency(), "strong");
  EXPECT_EQ(change.spec.metadata_ttl_ns(), 5'000'000'000);
  EXPECT_TRUE(change.spec.cache().media().contains("ssd"));
  EXPECT_TRUE(change.spec.mounts().empty());
  EXPECT_EQ(change.spec.credentials().access_key_id(), "i");
  ASSERT_OK_AND_ASSIGN(const VolumeChange back, ChangeOf(change.spec, kMade, kSecret));
  EXPECT_EQ(back.spec.consistency(), "eventual");
  EXPECT_FALSE(back.spec.has_cache());
}

TEST(VolumeChange, WhatWaitsForTheNextMount) {
  const StringMap wanted = With({{"access", "large-files"},
                                 {"blockSize", "2MiB"},
                                 {"dirMode", "0500"},
                                 {"fileMode", "0400"},
                                 {"gid", "1"},
                                 {"transport", "ring"},
                                 {"uid", "1"}});
  ASSERT_OK_AND_ASSIGN(const VolumeChange change, ChangeOf(Made({{"consistency", "immutable"}}), wanted, kSecret));
  EXPECT_THAT(change.unchanged,
              ElementsAre("consistency", "access", "blockSize", "dirMode", "fileMode", "gid", "transport", "uid"));
  EXPECT_EQ(change.spec.consistency(), "immutable");
  EXPECT_EQ(change.spec.block_size_bytes(), 1u << 20);
}

TEST(VolumeChange, AnotherSourceIsAMountAndTheNameStays) {
  ASSERT_OK_AND_ASSIGN(const VolumeChange change, ChangeOf(Made(), {{"source", "s3://b"}, {"region", "r"}}, kSecret));
  EXPECT_EQ(change.spec.source(), "s3://a");
  ASSERT_EQ(change.spec.mounts_size(), 1);
  EXPECT_EQ(change.spec.mounts(0).source(), "s3://b");
  EXPECT_EQ(change.spec.mounts(0).region(), "r");
  EXPECT_EQ(change.spec.credentials().values().at("secretAccessKey"), "k");
  EXPECT_TRUE(change.spec.credentials().access_key_id().empty());
  // And again, by what is known of the Secret from that.
  ASSERT_OK_AND_ASSIGN(const VolumeChange back, ChangeOf(change.spec, kMade, SecretOf(change.spec.credentials())));
  EXPECT_TRUE(back.spec.mounts().empty());
  EXPECT_EQ(back.spec.credentials().access_key_id(), "i");
  ASSERT_OK_AND_ASSIGN(const VolumeChange without_secret, ChangeOf(Made(), {{"source", "s3://b"}}, {}));
  EXPECT_FALSE(HasCredentials(without_secret.spec.credentials()));
}

TEST(VolumeChange, AtTheNextMountAllHolds) {
  const StringMap wanted = {{"source", "s3://b"}, {"blockSize", "2MiB"}, {"uid", "1"}};
  ASSERT_OK_AND_ASSIGN(const broker::v1::VolumeSpec spec, SpecWith(Made({{"gid", "5"}}), wanted, kSecret));
  EXPECT_EQ(spec.source(), "s3://a");
  EXPECT_EQ(spec.endpoint(), "https://h");
  EXPECT_EQ(spec.mounts(0).source(), "s3://b");
  EXPECT_EQ(spec.block_size_bytes(), 2u << 20);
  EXPECT_EQ(spec.uid(), 1u);
  EXPECT_EQ(spec.gid(), 0u);
  ASSERT_OK_AND_ASSIGN(const VolumeChange change, ChangeOf(spec, wanted, kSecret));
  EXPECT_THAT(change.unchanged, IsEmpty());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(change.spec, spec));
}

TEST(VolumeChange, MistakesAreNamed) {
  EXPECT_TRUE(Fails(ChangeOf(Made(), {}, {}).status(), StatusCode::kInvalidArgument, "'source' is missing"));
  const StringMap other_key = {
      {"mounts",
       R"([{"path": "/", "source": "s3://b", "credentials": {"accessKeyId": "x", "secretAccessKey": "y"}}])"}};
  EXPECT_TRUE(Fails(ChangeOf(Made(), other_key, kSecret).status(), StatusCode::kInvalidArgument, "no key 'x'"));
}

TEST(ChangedParameters, AreKeptUntilTheyAreTakenBack) {
  TempDir directory;
  {
    ASSERT_OK_AND_ASSIGN(const auto changed, ChangedParameters::Open(directory.path()));
    EXPECT_THAT(changed->Find("v"), IsEmpty());
    ASSERT_OK(changed->Put("v", kMade));
    ASSERT_OK(changed->Put("w", {{"source", "s3://w"}}));
    ASSERT_OK(changed->Put("w", {}));
    ASSERT_OK(changed->Put("never there", {}));
  }
  ASSERT_OK_AND_ASSIGN(const auto changed, ChangedParameters::Open(directory.path()));
  EXPECT_EQ(changed->Find("v"), kMade);
  EXPECT_THAT(changed->Find("w"), IsEmpty());
}

TEST(ChangedParameters, TheOldestGoesFirst) {
  TempDir directory;
  constexpr size_t kMax = 10;
  ASSERT_OK_AND_ASSIGN(const auto changed, ChangedParameters::Open(directory.path(), kMax));
  for (size_t i = 0; i < kMax; ++i) ASSERT_OK(changed->Put(std::to_string(i), kMade));
  ASSERT_OK(changed->Put("0", {{"source", "s3://newer"}}));
  ASSERT_OK(changed->Put("one more", kMade));
  EXPECT_FALSE(changed->Find("0").empty());
  EXPECT_TRUE(changed->Find("1").empty());
  EXPECT_FALSE(changed->Find("one more").empty());
}

}  // namespace
}  // namespace sluice::csi

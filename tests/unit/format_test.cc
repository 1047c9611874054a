#include "cache/format.h"

#include <random>

#include "tests/support/matchers.h"

namespace sluice::cache {
namespace {

const ObjectVersion kVersion{
    .dataset = "s3://b@x", .path = "a/b", .version = "etag", .size_bytes = 5'000'000, .block_size_bytes = 1 << 20};

TEST(Format, ObjectRecordsRoundTrip) {
  ASSERT_OK_AND_ASSIGN(const ObjectRecord record, DecodeObject(EncodeObject({kVersion, true})));
  EXPECT_EQ(ObjectId::Of(record.version), ObjectId::Of(kVersion));
  EXPECT_TRUE(record.pinned);
}

TEST(Format, BlockRecordsRoundTrip) {
  std::vector<BlockRecord> blocks;
  for (uint8_t i = 0; i < kBlocksPerRecord; ++i)
    blocks.push_back({static_cast<uint8_t>(i % 4), i * 0x0123456789abcdefULL});
  ASSERT_OK_AND_ASSIGN(const auto decoded, DecodeBlocks(EncodeBlocks(blocks)));
  EXPECT_EQ(decoded, blocks);
}

TEST(Format, WhatIsProvenIsRemembered) {
  ASSERT_OK_AND_ASSIGN(const ObjectRecord record, DecodeObject(EncodeObject({kVersion, false, true})));
  EXPECT_TRUE(record.proven && !record.pinned);
}

TEST(Format, ObjectRecordsOfTheFirstVersionAreRead) {
  std::string bytes = EncodeObject({kVersion, false, false});
  bytes[0] = 1;
  bytes[1] = 3;
  ASSERT_OK_AND_ASSIGN(const ObjectRecord record, DecodeObject(bytes));
  EXPECT_TRUE(record.pinned && !record.proven);
  EXPECT_EQ(record.version.path, kVersion.path);
}

TEST(Format, KeysRoundTripAndSortTheObjectFirst) {
  const ObjectId id = ObjectId::Of(kVersion);
  ASSERT_OK_AND_ASSIGN(const ParsedKey object, ParseRecordKey(ObjectRecordKey(id)));
  EXPECT_TRUE(object.is_object && object.id == id);
  ASSERT_OK_AND_ASSIGN(const ParsedKey blocks, ParseRecordKey(BlocksRecordKey(id, 0x01020340)));
  EXPECT_TRUE(!blocks.is_object && blocks.id == id);
  EXPECT_EQ(blocks.first_block, 0x01020340u);
  EXPECT_LT(ObjectRecordKey(id), BlocksRecordKey(id, 0));
  EXPECT_LT(BlocksRecordKey(id, 64), BlocksRecordKey(id, 256));
}

TEST(Format, DamageIsAnErrorAndNothingElse) {
  std::mt19937 random(3);
  const std::string good[] = {EncodeObject({kVersion, false}), EncodeBlocks({{1, 2}, {3, 4}})};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good[i % 2];
    bytes.resize(random() % (bytes.size() + 4));
    if (!bytes.empty()) bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)DecodeObject(bytes);
    (void)DecodeBlocks(bytes);
    (void)ParseRecordKey(bytes);
  }
  EXPECT_TRUE(Fails(ParseRecordKey(BlocksRecordKey({}, 0xfffffff0)).status(), StatusCode::kDataLoss, "block"));
  EXPECT_TRUE(Fails(DecodeObject("").status(), StatusCode::kDataLoss, ""));
  EXPECT_TRUE(Fails(DecodeBlocks(std::string(1, '\x09')).status(), StatusCode::kDataLoss, "version 9"));
}

TEST(Format, AnObjectsBlocksCanBeCounted) {
  ObjectVersion version = kVersion;
  version.block_size_bytes = 1 << 20;
  version.size_bytes = uint64_t{1} << 46;
  EXPECT_FALSE(CanCount(version));
  EXPECT_FALSE(DecodeObject(EncodeObject({version, false})).ok());
  version.size_bytes -= 1;
  EXPECT_TRUE(CanCount(version));
  EXPECT_TRUE(DecodeObject(EncodeObject({version, false})).ok());
  version.size_bytes = UINT64_MAX;
  EXPECT_FALSE(CanCount(version));
}

TEST(ObjectId, EveryPartMatters) {
  const ObjectId id = ObjectId::Of(kVersion);
  ObjectVersion other = kVersion;
  other.path = "a/c";
  EXPECT_NE(ObjectId::Of(other), id);
  other = kVersion;
  other.version = "etag2";
  EXPECT_NE(ObjectId::Of(other), id);
  other = kVersion;
  other.block_size_bytes = 1 << 21;
  EXPECT_NE(ObjectId::Of(other), id);
  // Where one string ends and the next begins matters, too.
  EXPECT_NE(ObjectId::Of({"ab", "c", "", 1, 1}), ObjectId::Of({"a", "bc", "", 1, 1}));
}

}  // namespace
}  // namespace sluice::cache

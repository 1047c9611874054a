// The index's records as bytes: pure encoding and decoding, with versions.
//
// Threads:  pure functions.
// Errors:   DATA_LOSS for bytes that are no record of a known version.
// Format:   docs/on-disk-format.md, "Index".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/key.h"
#include "common/status.h"

namespace sluice::cache {

inline constexpr uint32_t kBlocksPerRecord = 64;
inline constexpr char kObjectRecords = 'O';  // first byte of the keys of objects and their blocks
inline constexpr char kJobRecords = 'J';     // first byte of the keys of prewarm jobs

// Where one block is, and what its bytes hash to.
struct BlockRecord {
  uint8_t tier_plus_one = 0;  // 0: not cached
  uint64_t checksum = 0;      // XXH3-64 of the block's bytes
  bool operator==(const BlockRecord&) const = default;
};

struct ObjectRecord {
  ObjectVersion version;
  bool pinned = false;
  bool proven = false;  // see cache/content_check.h
};

// The object's own record sorts before those of its blocks.
std::string ObjectRecordKey(const ObjectId& id);
std::string BlocksRecordKey(const ObjectId& id, uint32_t first_block);

// Which of the two a key is, and of what.
struct ParsedKey {
  ObjectId id;
  bool is_object = false;
  uint32_t first_block = 0;
};
StatusOr<ParsedKey> ParseRecordKey(std::string_view key);

std::string EncodeObject(const ObjectRecord& record);
StatusOr<ObjectRecord> DecodeObject(std::string_view bytes);

// Up to kBlocksPerRecord blocks in order.
std::string EncodeBlocks(const std::vector<BlockRecord>& blocks);
StatusOr<std::vector<BlockRecord>> DecodeBlocks(std::string_view bytes);

}  // namespace sluice::cache

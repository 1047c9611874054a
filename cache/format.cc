#include "cache/format.h"

#include <algorithm>

namespace sluice::cache {
namespace {

constexpr uint8_t kFormatVersion = 1;
constexpr uint8_t kObjectFormatVersion = 2;  // its second byte was only whether it is pinned in 1
constexpr uint8_t kPinned = 1;
constexpr uint8_t kProven = 2;
constexpr char kObjectKind = 'a';
constexpr char kBlocksKind = 'b';

template <typename T>
void PutInteger(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i));  // little endian
}

void PutString(std::string& out, std::string_view text) {
  PutInteger(out, static_cast<uint32_t>(text.size()));
  out += text;
}

// Reads front to back; ok() turns false at the first read past the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T Integer() {
    T value = 0;
    if (!Has(sizeof(T))) return value;
    for (size_t i = 0; i < sizeof(T); ++i)
      value |= static_cast<T>(static_cast<T>(static_cast<uint8_t>(bytes_[i])) << (8 * i));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }

  std::string String() {
    const auto length = Integer<uint32_t>();
    if (!Has(length)) return "";
    std::string text(bytes_.substr(0, length));
    bytes_.remove_prefix(length);
    return text;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  bool Has(size_t count) {
    ok_ = ok_ && bytes_.size() >= count;
    return ok_;
  }
  std::string_view bytes_;
  bool ok_ = true;
};

std::string KeyOf(const ObjectId& id, char kind) {
  std::string key(1, kObjectRecords);
  key.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  key += kind;
  return key;
}

Status CheckVersion(uint8_t version, uint8_t newest) {
  if (version > 0 && version <= newest) return absl::OkStatus();
  return DataLoss("an index record has format version {}; this program knows {}", version, newest);
}

}  // namespace

std::string ObjectRecordKey(const ObjectId& id) { return KeyOf(id, kObjectKind); }

std::string BlocksRecordKey(const ObjectId& id, uint32_t first_block) {
  std::string key = KeyOf(id, kBlocksKind);
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(first_block >> shift);  // sorts by number
  return key;
}

StatusOr<ParsedKey> ParseRecordKey(std::string_view key) {
  constexpr size_t kIdEnd = 1 + sizeof(ObjectId::bytes);
  const bool object = key.size() == kIdEnd + 1 && key[kIdEnd] == kObjectKind;
  const bool blocks = key.size() == kIdEnd + 5 && key[kIdEnd] == kBlocksKind;
  if (key.empty() || key[0] != kObjectRecords || (!object && !blocks))
    return DataLoss("an index key is of no known form");
  ParsedKey parsed;
  parsed.is_object = object;
  std::copy_n(key.begin() + 1, parsed.id.bytes.size(), reinterpret_cast<char*>(parsed.id.bytes.data()));
  for (size_t i = kIdEnd + 1; i < key.size(); ++i) {
    parsed.first_block = parsed.first_block << 8 | static_cast<uint8_t>(key[i]);
  }
  if (parsed.first_block % kBlocksPerRecord != 0) return DataLoss("an index key is of block {}", parsed.first_block);
  return parsed;
}

std::string EncodeObject(const ObjectRecord& record) {
  std::string out;
  PutInteger(out, kObjectFormatVersion);
  PutInteger(out, static_cast<uint8_t>((record.pinned ? kPinned : 0) | (record.proven ? kProven : 0)));
  PutInteger(out, record.version.block_size_bytes);
  PutInteger(out, record.version.size_bytes);
  PutString(out, record.version.dataset);
  PutString(out, record.version.path);
  PutString(out, record.version.version);
  return out;
}

StatusOr<ObjectRecord> DecodeObject(std::string_view bytes) {
  Reader reader(bytes);
  const auto format_version = reader.Integer<uint8_t>();
  RETURN_IF_ERROR(CheckVersion(format_version, kObjectFormatVersion));
  ObjectRecord record;
  const auto flags = reader.Integer<uint8_t>();
  record.pinned = format_version == 1 ? flags != 0 : (flags & kPinned) != 0;
  record.proven = format_version > 1 && (flags & kProven) != 0;
  record.version.block_size_bytes = reader.Integer<uint32_t>();
  record.version.size_bytes = reader.Integer<uint64_t>();
  record.version.dataset = reader.String();
  record.version.path = reader.String();
  record.version.version = reader.String();
  if (!reader.ok() || !reader.at_end() || !CanCount(record.version)) {
    return DataLoss("an object's index record of {} bytes is damaged", bytes.size());
  }
  return record;
}

std::string EncodeBlocks(const std::vector<BlockRecord>& blocks) {
  std::string out;
  PutInteger(out, kFormatVersion);
  for (const BlockRecord& block : blocks) {
    PutInteger(out, block.tier_plus_one);
    PutInteger(out, block.checksum);
  }
  return out;
}

StatusOr<std::vector<BlockRecord>> DecodeBlocks(std::string_view bytes) {
  Reader reader(bytes);
  RETURN_IF_ERROR(CheckVersion(reader.Integer<uint8_t>(), kFormatVersion));
  std::vector<BlockRecord> blocks;
  while (reader.ok() && !reader.at_end() && blocks.size() < kBlocksPerRecord) {
    BlockRecord block;
    block.tier_plus_one = reader.Integer<uint8_t>();
    block.checksum = reader.Integer<uint64_t>();
    blocks.push_back(block);
  }
  if (!reader.ok() || !reader.at_end()) return DataLoss("a block index record of {} bytes is damaged", bytes.size());
  return blocks;
}

}  // namespace sluice::cache

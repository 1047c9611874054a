// Names of cached things: an object's identity, and a block of it.
//
// Threads:  values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

namespace sluice::cache {

// What an object is: change any of these and it is another object, with a cache file of its own.
struct ObjectVersion {
  std::string dataset;  // the dataset's identity (its source and endpoint)
  std::string path;
  std::string version;
  uint64_t size_bytes = 0;
  uint32_t block_size_bytes = 0;
};

// The most blocks that an object may have: they have numbers of 32 bits, and each takes memory (cache/object.h).
// Sources may say any size.
inline constexpr uint64_t kBlocksMax = uint64_t{1} << 26;

inline bool CanCount(const ObjectVersion& version) {
  return version.block_size_bytes > 0 && version.size_bytes / version.block_size_bytes < kBlocksMax;
}

// The first 128 bits of SHA-256 over an ObjectVersion: two objects never share one, whoever chose their names.
struct ObjectId {
  std::array<uint8_t, 16> bytes{};

  static ObjectId Of(const ObjectVersion& version);
  std::string Hex() const;

  auto operator<=>(const ObjectId&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const ObjectId& id) {
    uint64_t word;  // already uniform
    std::memcpy(&word, id.bytes.data(), sizeof word);
    return H::combine(std::move(state), word);
  }
};

struct BlockKey {
  ObjectId object;
  uint32_t block = 0;

  bool operator==(const BlockKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const BlockKey& key) {
    return H::combine(std::move(state), key.object, key.block);
  }
};

}  // namespace sluice::cache

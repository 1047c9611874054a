// A node as it stands in the catalog's file (docs/on-disk-format.md, "Catalog").
//
// Threads:  a value, in memory that is mapped; who reads it holds the catalog's mutex.
#pragma once

#include "cache/catalog.h"

namespace sluice::cache {

inline constexpr uint8_t kNodeLive = 1;
inline constexpr uint8_t kNodeExecutable = 2;

struct Catalog::Record {
  uint64_t parent;
  uint64_t name_offset;
  uint16_t name_length;
  uint16_t version_length;  // the version stands behind the name
  uint8_t kind;
  uint8_t flags;
  uint16_t reserved;
  uint64_t size_bytes;
  int64_t mtime_ns;
  int64_t confirmed_ns;
  int64_t listed_ns;  // directories
  union {
    uint64_t hidden;  // directories
    Handles handles;  // files
  };
};

}  // namespace sluice::cache

// Block accesses to replay: made ones of known shapes, and recorded ones.
//
// The format of a recorded trace is one line per access, `OBJECT BLOCK BYTES`: the object's identity in hexadecimal (1
// to 32 digits), the block's number in it, and what the block takes in a tier. Empty lines and lines that begin with
// '#' are skipped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/key.h"
#include "common/status.h"

namespace sluice::bench {

struct Access {
  cache::BlockKey key;
  uint64_t bytes = 0;
};

struct Trace {
  std::string name;
  std::vector<Access> accesses;
  uint64_t dataset_blocks = 0;  // what a capacity in per cent is of: the largest set of blocks that is read together
  size_t measured_from = 0;     // the first access that counts: what came before fills the cache
};

struct Shape {
  std::string_view name;
  std::string_view what;
};
extern const std::vector<Shape> kShapes;

// `blocks` is the size of one dataset. Error: INVALID_ARGUMENT for an unknown name.
StatusOr<Trace> MakeTrace(std::string_view shape, uint32_t blocks, uint32_t seed);

// Error: NOT_FOUND and the like for the file, INVALID_ARGUMENT with the number of a line that cannot be read.
StatusOr<Trace> ReadTrace(const std::string& path);
Status WriteTrace(const Trace& trace, const std::string& path);

}  // namespace sluice::bench

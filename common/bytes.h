// Sizes and rates as people write them ("64MiB", "1.5G", "200M/s"), ranges of bytes, aligned buffers.
//
// Threads:  functions are thread-safe; AlignedBuffer is owned by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/status.h"

namespace sluice {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// Bytes [offset, offset + length) of an object.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t end() const { return offset + length; }
  bool operator==(const ByteRange&) const = default;
};

// Parses "123", "4k", "64MiB", "1.5GB", "2T": k/M/G/T/P with or without "i" and "B" are powers of 1024, as Kubernetes'
// users of caches expect from quotas; "MB" and "M" are the same here. Error: INVALID_ARGUMENT with an example.
StatusOr<uint64_t> ParseBytes(std::string_view text);

// Parses a rate: bytes with an optional "/s". "0", "none" and "unlimited" are 0, which means no limit.
StatusOr<uint64_t> ParseRate(std::string_view text);

// "1.5 GiB", "0 B": for people, at most four digits.
std::string FormatBytes(uint64_t bytes);

// Heap memory aligned for O_DIRECT and io_uring. Uninitialised.
class AlignedBuffer {
 public:
  static constexpr size_t kAlignment = 4096;

  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size_bytes)
      : data_(static_cast<std::byte*>(
            std::aligned_alloc(kAlignment, (size_bytes + kAlignment - 1) / kAlignment * kAlignment))),
        size_bytes_(size_bytes) {}

  std::byte* data() const { return data_.get(); }
  size_t size() const { return size_bytes_; }
  std::span<std::byte> span() const { return {data_.get(), size_bytes_}; }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t size_bytes_ = 0;
};

}  // namespace sluice

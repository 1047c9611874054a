// A file that grows at its end, mapped once at a fixed address: what is stored there is there for the next process,
// however this one ends. The first 64 bytes are its header.
//
// Threads:     Reserve and Commit one at a time; the rest from any.
// Owns:        the descriptor and the mapping, which is address space only until it is used.
// Limits:      kMapBytes.
// Errors:      Open: DATA_LOSS for a file that does not begin with `magic`. RESOURCE_EXHAUSTED when the disk is full.
// Format:      docs/on-disk-format.md, "Catalog".
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice::cache {

class MappedFile {
 public:
  static constexpr uint64_t kHeaderBytes = 64;
  // It grows by as much as it has, within these: most volumes are small, and the kernel reads ahead what is allocated.
  static constexpr uint64_t kGrowBytesMin = 64u << 10;
  static constexpr uint64_t kGrowBytesMax = 4u << 20;
  static constexpr uint64_t kMapBytes = uint64_t{1} << 37;

  // `resume` keeps what is there; else it begins anew.
  static StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path, uint64_t magic, bool resume);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Space for `bytes` more at the returned offset; counted as used by Commit.
  StatusOr<uint64_t> Reserve(uint64_t bytes);
  void Commit(uint64_t bytes) { used().store(used_bytes() + bytes, std::memory_order_release); }

  // Writes what is used to disk.
  Status Sync() const;

  char* at(uint64_t offset) const { return base_ + offset; }
  uint64_t used_bytes() const { return used().load(std::memory_order_acquire); }  // with the header
  // A number of the owner's, 0 in a new file.
  std::atomic_ref<uint64_t> note() const { return std::atomic_ref(header()->note); }

 private:
  struct Header {
    uint64_t magic;
    uint64_t used_bytes;
    uint64_t note;
  };

  MappedFile(UniqueFd fd, char* base, std::string path) : fd_(std::move(fd)), base_(base), path_(std::move(path)) {}
  Header* header() const { return reinterpret_cast<Header*>(base_); }
  std::atomic_ref<uint64_t> used() const { return std::atomic_ref(header()->used_bytes); }
  Status Grow(uint64_t bytes);

  UniqueFd fd_;
  char* const base_;
  const std::string path_;
  uint64_t allocated_bytes_ = 0;
};

}  // namespace sluice::cache

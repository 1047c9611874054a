// What a simulated disk has of the cache files: how much of it survives when a process' life ends.
//
// The files themselves are real, sparse files in a temporary directory and have what was last written (the page cache,
// as a process sees it). Beside them this keeps what is not on the medium yet, page by page, and what never came there:
//
//   not synced    the cache syncs nothing. A loss of power leaves each page that was not written back, by itself, new,
//   old,
//                 or new up to a sector; a file that is new may be gone altogether
//   lost          acknowledged, written back, and not on the medium
//   misdirected   the same, and the bytes are elsewhere, over what is there
//
// The latter two show when the files are read from the medium again: at the next life, however the last one ended.
//
// A sealed file (io/sealer.h) is on the medium as it was sealed: what does not come there, or comes there in error, the
// kernel finds when it reads the page, in each life that comes.
//
// Not simulated: file names that come back, and metadata of the file system that is damaged.
//
// Threads:  one.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cache/object.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

class Medium {
 public:
  static constexpr uint64_t kPage = 4096;
  static constexpr uint64_t kSector = 512;

  enum class Loss : uint8_t { kNothing, kPower };

  explicit Medium(World& world) : world_(world), random_(world.seed, "medium") {}

  // A life begins. Files are named relative to DIRECTORY/objects.
  void AddTier(uint8_t tier, int directory_fd, std::string directory);
  // Files are called by their descriptors from then on.
  void OnOpen(int directory_fd, const std::string& name, int fd, bool is_new);
  // Bytes are about to change: a write or a hole.
  void BeforeChange(int fd, ByteRange range);
  // A write has been acknowledged that is not on the medium, and may be elsewhere.
  void Lose(int fd, ByteRange range, bool misdirected);

  // The file is sealed: it has come to the medium.
  void Seal(int fd);
  bool IsSealed(int directory_fd, const std::string& name);
  bool IsSealed(int fd);
  // Reading the sealed file there is an error.
  bool IsRotten(int fd, ByteRange range);

  // Another bit in a random one of the bytes, for all to see.
  void FlipBit(int fd, ByteRange range);

  std::string NameOf(int fd) const;
  uint64_t AllocatedBytes(uint8_t tier) const;

  // What is on the medium, as files of another directory.
  void CopyTo(const std::string& root, Loss loss);
  void Forget();                                   // the life's end
  bool lost_power() const { return lost_power_; }  // when it was copied last

 private:
  using Pages = std::map<uint64_t, std::vector<std::byte>>;  // by number
  struct File {
    uint64_t inode = 0;
    bool is_new = false;  // its name is not on the medium yet
    Pages before;         // what is on the medium of pages that were not written back
    Pages lost;           // the same, of pages that will never be
  };
  struct Sealed {
    uint64_t inode = 0;
    std::set<uint64_t> rotten;  // pages that are not what was sealed
  };
  using SealedFiles = std::map<std::string, Sealed>;  // by name
  struct Stray {
    uint8_t tier;
    std::string name;
    uint64_t offset_bytes;
    std::vector<std::byte> bytes;
  };
  struct TierFiles {
    int directory_fd = -1;
    std::string directory;
    std::map<std::string, File> files;  // all that were ever opened
    SealedFiles sealed;
    SealedFiles sealed_next;  // of the next life
  };

  File* Find(int fd);
  const Sealed* FindSealed(int fd);
  void CopyFile(TierFiles& tier, const std::string& name, const File& file, const std::string& to, Loss loss);
  void Restore(int fd, uint64_t page, std::span<const std::byte> bytes);

  World& world_;
  Random random_;
  std::map<uint8_t, TierFiles> tiers_;
  std::map<int, std::pair<uint8_t, std::string>> open_;  // by descriptor
  std::vector<Stray> strays_;
  bool lost_power_ = false;
};

// Copies a RocksDB database that may be open. With a loss, what was last written to its log is gone, which is all of it
// that RocksDB had not synced.
void CopyIndex(World& world, Random& random, const std::string& from, const std::string& to, Medium::Loss loss);

}  // namespace sluice::simulation

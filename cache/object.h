// One version of one object and the state of its blocks.
//
// A block is in at most one tier. Readers on any thread read blocks that are present and proven straight from the
// tier's file (TryRead); everything that changes a block's state happens on the loop.
//
// Threads:     TryRead, state queries, opens() from any thread; fields below "loop" on the loop only.
// Suspends:    Quiesce.
// Owns:        its descriptors on the tiers' files; who closes one waits for a Quiesce first.
// Limits:      24 bytes per block and about 420 per object; REQUIRES CanCount (cache/key.h) of its version.
// Invariants:  I1 a block's state names a tier only after its bytes are written there.
//              I2 TryRead returns bytes of blocks that were proven in this process's life (verified), or nothing.
//              I3 while a holder refuses to let go, no block leaves its file and no hole is punched into it. But a bad
//                 block does: it is written over, or, of a sealed file, the file is lost.
//              I4 after a block's state is cleared, Quiesce returns when no TryRead can still be reading it.
//              I5 a file whose time of modification is not that of its last Change is somebody else's work: nothing
//                 is read from it without its checksum (IsAsLeft).
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cache/key.h"
#include "cache/read_ahead.h"
#include "cache/reader_epochs.h"
#include "io/loop.h"

namespace sluice::cache {

class Account;
struct Fill;

// Somebody outside the cache who uses an object's file as it is: a reader that the kernel serves by itself, a published
// tree. Asked on the loop before a block leaves the file.
class FileHolder {
 public:
  virtual ~FileHolder() = default;
  // False: the file is in use, nothing may leave it. True: it is not, and this holder has removed itself.
  virtual bool LetGo() = 0;
  // The object's blocks come into another file from now on: what this holder uses it has for itself. It has been
  // removed.
  virtual void OnLost() {}
};

// What is known of an object's bytes as a whole, beside what its source says of them (cache/content_check.h).
enum class Proof : uint8_t {
  kUnknown,
  kUnderWay,
  kProven,   // or there is nothing to compare with
  kUnasked,  // the source could not be asked
};

// What a tier is made of; at most one tier of each, fastest first. The numbers are in the index on disk.
enum class Medium : uint8_t { kDram = 0, kSsd = 1, kHdd = 2 };
inline constexpr size_t kMedia = 3;
inline constexpr std::string_view kMediumNames[kMedia] = {"dram", "ssd", "hdd"};

// When a file was last modified, in the file system's time; 0 when that cannot be asked.
int64_t ModifiedNs(int fd, const char* name = "");
void SetModifiedNs(int fd, int64_t modified_ns);

// Blocks that something is being done to, each by one or by several.
class BusyBlocks {
 public:
  void Begin(uint32_t block) { ++counts_[block]; }
  void End(uint32_t block) {
    const auto found = counts_.find(block);
    if (--found->second == 0) counts_.erase(found);
  }
  bool contains(uint32_t block) const { return counts_.contains(block); }

 private:
  absl::flat_hash_map<uint32_t, uint32_t> counts_;
};

class Object {
 public:
  // `account`: of what it takes in the tiers; null only where nothing is cached.
  Object(ObjectVersion version, ObjectId id, std::shared_ptr<Account> account = nullptr);
  ~Object();
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  const ObjectId id;
  const ObjectVersion version;
  const std::shared_ptr<Account> account;

  uint64_t size() const { return version.size_bytes; }
  uint32_t block_size() const { return version.block_size_bytes; }
  uint32_t block_count() const { return block_count_; }
  uint32_t BlockLength(uint32_t block) const;
  // A read of that many bytes is of a small piece of a block.
  bool IsPiece(uint64_t length_bytes) const { return length_bytes * 8 < block_size(); }
  uint32_t BlockAt(uint64_t offset_bytes) const { return static_cast<uint32_t>(offset_bytes / block_size()); }

  // The tier that holds the block.
  std::optional<uint8_t> TierOf(uint32_t block) const;
  bool IsVerified(uint32_t block) const;
  // The tier that has every block, all of them proven. It stays so only while a holder sees to it.
  std::optional<uint8_t> WholeIn() const;
  uint32_t blocks_in(uint8_t tier) const { return tier_blocks_[tier].load(); }
  uint32_t cached_blocks() const;

  // Reads without waiting for a device: nullopt unless every byte is present, proven, and in memory (DRAM tier or
  // page cache). Clamped to the object's end. `*tier` is the tier of the first byte.
  std::optional<size_t> TryRead(uint64_t offset_bytes, std::span<std::byte> target, uint8_t* tier);

  // Some that came were not what the source says: the kernel may still have them.
  std::atomic<bool> had_bad_bytes{false};
  std::atomic<uint32_t>& opens() { return opens_; }  // handles; an object with one is not forgotten

  // --- loop ---
  void SetPresent(uint32_t block, uint8_t tier, bool verified);
  void SetVerified(uint32_t block);
  void ClearBlock(uint32_t block);
  uint64_t& checksum(uint32_t block) { return blocks_[block].checksum; }
  uint8_t& hits(uint32_t block) { return blocks_[block].hits; }
  // Whether the account's policy of the block's tier has been told of it.
  bool& known_to_account(uint32_t block) { return blocks_[block].known_to_account; }
  int fd(uint8_t tier) const { return fds_[tier].load(); }
  void set_fd(uint8_t tier, int fd) { fds_[tier].store(fd); }

  // Held while an asynchronous operation uses one of the descriptors: none is closed meanwhile.
  class FileUse {
   public:
    explicit FileUse(Object& object) : object_(&object) { ++object_->file_uses_; }
    ~FileUse() { End(); }
    FileUse(const FileUse&) = delete;
    FileUse& operator=(const FileUse&) = delete;
    void End() {
      if (object_ != nullptr) --object_->file_uses_;
      object_ = nullptr;
    }

   private:
    Object* object_;
  };
  uint32_t file_uses() const { return file_uses_; }

  // Around each change that the cache makes to the tier's file.
  class Change {
   public:
    Change(Object& object, uint8_t tier) : object_(&object), tier_(tier) { ++object_->changing_[tier_]; }
    Change(Change&& other) noexcept : object_(std::exchange(other.object_, nullptr)), tier_(other.tier_) {}
    Change& operator=(Change&&) = delete;
    ~Change() {
      if (object_ != nullptr) --object_->changing_[tier_];
    }
    // Without it the file counts as changed by somebody else.
    void Done(int64_t modified_ns) { object_->left_ns_[tier_] = modified_ns; }

   private:
    Object* object_;
    const uint8_t tier_;
  };
  // Of a file that the cache has not touched in this process' life.
  static constexpr int64_t kNeverLeft = INT64_MIN;
  // Whether nobody else has changed the file, which was last modified then. Any thread.
  bool IsAsLeft(uint8_t tier, int64_t modified_ns) const {
    const int64_t left = left_ns_[tier].load();
    return changing_[tier].load() > 0 || left == modified_ns || left == kNeverLeft;
  }
  int64_t left_ns(uint8_t tier) const { return left_ns_[tier].load(); }
  // A file that the cache has not touched in this process' life was last modified then.
  void Meet(uint8_t tier, int64_t modified_ns);
  // What was proven of the tier's file, modified then, is not any more.
  void Distrust(uint8_t tier, int64_t modified_ns);
  uint32_t distrusts() const { return distrusts_; }  // how often that was

  void AddHolder(FileHolder& holder) { holders_.push_back(&holder); }
  void RemoveHolder(FileHolder& holder) { std::erase(holders_, &holder); }
  bool held() const { return !holders_.empty(); }
  // Nobody holds it any more, whatever they say.
  void Lose();
  // Whether blocks may leave: every holder agrees, and has gone.
  bool LetGo();

  // Of the file in a tier (cache/seal.cc).
  struct Seal {
    bool is_set = false;       // nobody can write to the file or make a hole in it
    bool is_changing = false;  // it is being sealed, or a sealed one is going: nothing is written meanwhile
    uint64_t dead_bytes = 0;   // of blocks that have left a sealed file; they take their space until it goes
    bool reads_only() const { return is_set || is_changing; }
  };
  Seal& seal(uint8_t tier) { return seals_[tier]; }
  const Seal& seal(uint8_t tier) const { return seals_[tier]; }

  // Waits until every TryRead that began before has ended.
  io::Task<void> Quiesce(io::Loop& loop);

  absl::flat_hash_map<uint32_t, std::shared_ptr<Fill>> fills;  // by block
  BusyBlocks freeing;                                          // blocks whose space is being given back
  BusyBlocks writing;                                          // blocks whose bytes are on their way to a file
  absl::flat_hash_set<uint32_t> proving;                       // blocks whose checksum is being compared
  uint32_t generation = 0;                                     // counts blocks that were cleared
  ReadAhead read_ahead;
  Proof proof = Proof::kUnknown;
  bool pinned = false;     // by an administrator: never evicted
  bool gathering = false;  // on its way into one tier
  // The kernel may go on reading the file for handles of a volume that is gone: no hole is punched into it any more.
  bool read_by_kernel = false;
  // In the account's list of objects with cached blocks.
  static constexpr uint32_t kUnlisted = UINT32_MAX;
  uint32_t account_position = kUnlisted;
  // In BlockStore's list of objects with open files.
  std::optional<std::list<std::shared_ptr<Object>>::iterator> open_position;

 private:
  struct Block {
    std::atomic<uint8_t> state{0};  // medium + 1, and kVerified
    uint8_t hits = 0;               // reads since it came to its tier, saturating
    bool known_to_account = false;
    uint64_t checksum = 0;
  };
  static constexpr uint8_t kVerified = 0x80;
  static constexpr uint8_t kNotWhole = 0xff;

  void UpdateWhole();

  const uint32_t block_count_;
  std::unique_ptr<Block[]> blocks_;
  std::array<std::atomic<int>, kMedia> fds_;
  std::array<std::atomic<uint32_t>, kMedia> tier_blocks_{};
  std::array<std::atomic<uint32_t>, kMedia> changing_{};
  std::array<std::atomic<int64_t>, kMedia> left_ns_;
  uint32_t verified_blocks_ = 0;
  uint32_t distrusts_ = 0;
  std::atomic<uint8_t> whole_in_{kNotWhole};
  std::vector<FileHolder*> holders_;
  std::array<Seal, kMedia> seals_;
  std::atomic<uint32_t> opens_{0};
  ReaderEpochs readers_;  // TryReads under way
  bool quiescing_ = false;
  uint32_t file_uses_ = 0;
};

// Keeps an object's bytes where they are while it lives. On the loop.
class Stay final : public FileHolder {
 public:
  explicit Stay(Object& object) : object_(object) { object_.AddHolder(*this); }
  ~Stay() override { object_.RemoveHolder(*this); }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;
  bool LetGo() override { return false; }
  void OnLost() override { lost_ = true; }
  bool lost() const { return lost_; }

 private:
  Object& object_;
  bool lost_ = false;
};

}  // namespace sluice::cache

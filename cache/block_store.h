// Where blocks are kept: the tiers, the table of objects, and the index that makes them survive a restart.
//
// It knows nothing of sources. A block that cannot be read back (gone, torn, wrong checksum, broken tier) is dropped
// and reported as absent: to the caller it is a miss.
//
// Threads:     Acquire, AccountOf, Find and Objects from any thread; all else on the loop.
// Suspends:    ReadBlock, WriteBlock, Evict, Check, Verify; they may change any block's state meanwhile.
// Owns:        the tiers, the index, the objects with cached blocks, and at most `open_files_max` descriptors.
// Limits:      the tiers' quotas, and in them those of the accounts (cache/account.h); kMovesMax moves between tiers at
//              a time.
// Errors:      none reach a reader: nullopt and false are outcomes.
// Invariants:  the index names a block only after its bytes are written; a tier's used bytes never exceed its quota.
//              All blocks of a tier are on some account.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "cache/access_recorder.h"
#include "cache/account.h"
#include "cache/format.h"
#include "cache/index.h"
#include "cache/object.h"
#include "cache/tier.h"
#include "io/file_io.h"
#include "io/sealer.h"
#include "io/sync.h"

namespace sluice::cache {

struct BlockStoreOptions {
  std::vector<TierOptions> tiers;  // of different media
  std::string index_directory;
  uint64_t open_files_max = 16384;
  Index::Commits index_commits = Index::Commits::kBehind;
  io::Sealer* sealer = nullptr;  // null: files are not sealed
};

class BlockStore {
 public:
  static constexpr uint64_t kMovesMax = 4;
  // Reads of a block in a lower tier after which it is worth a place in the tier above.
  static constexpr uint8_t kPromotionHits = 3;
  // An object goes to a tier only when the tier could hold this many of its size.
  static constexpr uint64_t kObjectsPerTierMin = 4;

  static StatusOr<std::unique_ptr<BlockStore>> Open(const BlockStoreOptions& options, io::Loop& loop, io::FileIo& io,
                                                    Registry& metrics);
  ~BlockStore();

  // The object of `version`, made known when it is not.
  std::shared_ptr<Object> Acquire(const ObjectVersion& version);
  // Gives back one Acquire.
  void Release(const std::shared_ptr<Object>& object);
  // Forgets an object that has neither handles, holders, blocks, fills nor a pin.
  void Discard(const std::shared_ptr<Object>& object);
  std::vector<std::shared_ptr<Object>> Objects() const;
  // Those whose ids begin with that byte.
  std::vector<std::shared_ptr<Object>> ObjectsWith(uint8_t first_byte) const;
  std::shared_ptr<Object> Find(const ObjectId& id) const;  // null when it is not known

  // The account of the objects of that dataset. It is the same one as long as somebody has it, or it has an object.
  std::shared_ptr<Account> AccountOf(const std::string& dataset);
  // What a volume that is mounted may have (Account::Claim). What is too much leaves behind the caller.
  void SetLimits(const std::shared_ptr<Account>& account, const std::string& volume,
                 const std::optional<CacheLimits>& limits);
  void EndLimits(const std::shared_ptr<Account>& account, const std::string& volume);

  // Bytes [offset, offset + target.size()) of a block, proven. False when the block is not there (any more).
  io::Task<bool> ReadBlock(std::shared_ptr<Object> object, uint32_t block, uint32_t offset_bytes,
                           std::span<std::byte> target);

  enum class Admission : uint8_t {
    kPolicy,  // a tier's policy is asked
    kAlways,  // somebody ordered it
  };
  // Keeps a block. False when no tier takes it: then it stays uncached.
  io::Task<bool> WriteBlock(std::shared_ptr<Object> object, uint32_t block, std::span<const std::byte> bytes,
                            std::optional<uint8_t> tier, Admission admission);

  // A block was read from its tier; may move it up.
  void Touch(const std::shared_ptr<Object>& object, uint32_t block);
  // The object was opened by a reader whose reads the store will not see.
  void TouchAll(const std::shared_ptr<Object>& object);
  // Brings an object whose blocks are all cached into one tier, proves those that are not proven yet, and seals the
  // file where the tier can do that.
  io::Task<void> Settle(std::shared_ptr<Object> object);
  bool IsSettled(const Object& object) const;
  // The same, into the tier `to`. It may stop half-way: then the object is not whole.
  io::Task<void> Gather(std::shared_ptr<Object> object, uint8_t to, Admission admission);
  // Seals the file of an object that is whole, if the tier can do that and nobody uses the file just now.
  io::Task<void> Seal(std::shared_ptr<Object> object);
  // A descriptor of the object's file in a tier, for somebody else to read it with.
  io::Task<StatusOr<UniqueFd>> OpenReadOnly(std::shared_ptr<Object> object, uint8_t tier, int more_flags = 0);

  // While it is false nothing leaves a tier: after a restart the holders of an earlier process come first.
  // From then on what is beyond a quota leaves; it may have been larger then.
  void SetEvictionAllowed(bool allowed);

  // Drops all of an object's blocks; returns the bytes freed.
  io::Task<uint64_t> Evict(std::shared_ptr<Object> object);
  // When the object's file in the tier was last modified; see Object::IsAsLeft. Any thread.
  int64_t ModifiedNs(const Object& object, uint8_t tier) const;
  // Where somebody else has changed the object's files, nothing is proven of them any more.
  void DistrustIfChanged(Object& object);
  // Proves a block anew, from the medium, past the page cache. False: its bytes were lost, and it is dropped. A block
  // that is not there (any more) is good.
  io::Task<bool> Check(std::shared_ptr<Object> object, uint32_t block);
  // Checks all blocks; returns how many were bad.
  io::Task<uint32_t> Verify(std::shared_ptr<Object> object);
  void SetPinned(const std::shared_ptr<Object>& object, bool pinned);
  // That an object is proven is remembered for as long as all of it stays.
  void SetProof(Object& object, Proof proof);
  // Drops all blocks, whoever holds the object: they are not its bytes.
  io::Task<void> DropAll(std::shared_ptr<Object> object);

  // Live changes (tier_changes.cc), of tiers and accounts; what is beyond a lower limit leaves in the background.
  void ChangeQuota(Tier& tier, uint64_t quota_bytes, Watermarks watermarks);
  // Error: INVALID_ARGUMENT for an unknown name.
  Status ChangePolicy(const std::string& name, Epochs epochs);
  void SetOpenFilesMax(uint64_t open_files_max);

  // Fastest first.
  const std::vector<std::unique_ptr<Tier>>& tiers() const { return tiers_; }
  // Null when no tier of that medium is configured.
  Tier* tier(uint8_t medium) const { return medium < kMedia ? by_medium_[medium] : nullptr; }
  Index& index() { return *index_; }
  AccessRecorder& accesses() { return accesses_; }  // any thread

  // Ends moves and evictions under way and commits the index.
  io::Task<void> Close();

 private:
  BlockStore(io::Loop& loop, io::FileIo& io);
  using Files = absl::flat_hash_set<ObjectId>;
  Status Load(const std::array<Files, kMedia>& files);
  static Files ListFiles(const Tier& tier);
  void RemoveStrayFiles(const Tier& tier, const Files& files) const;

  io::Task<bool> WriteInto(std::shared_ptr<Object> object, uint32_t block, std::span<const std::byte> bytes, Tier& tier,
                           Admission admission);
  bool MayLeave(Object& object) const;
  // Whether the object's blocks may go to the tier now.
  static bool IsOpen(const Tier& tier, const Object& object);
  // Whether the object is small enough to go there before the next slower tier.
  static bool Swamps(const Object& object, const Tier& tier);
  Tier* TierFor(const Object& object, std::optional<uint8_t> wanted);
  bool Admit(const Object& object, uint32_t block, Tier& tier);
  std::shared_ptr<Account> AccountLocked(const std::string& dataset);  // REQUIRES: mutex_ is held
  io::Task<bool> Reserve(std::shared_ptr<Object> object, Tier& tier, uint64_t bytes);
  static void Charge(const Object& object, Tier& tier, int64_t bytes);
  // Whose blocks leave a tier; null: whoever's.
  using Owner = std::shared_ptr<Account>;
  static Space& SpaceOf(Tier& tier, const Owner& owner);
  // Below the low watermark, and until there is room for `bytes`. True when something was evicted.
  io::Task<bool> EvictDown(Tier& tier, Owner owner, uint64_t bytes);
  void EvictIfAbove(Tier& tier, const Owner& owner);  // behind the caller
  void EvictIfAbove(const Owner& owner);              // the same, in all tiers
  io::Task<void> EvictInBackground(Tier& tier, Owner owner);
  io::Task<bool> EvictOne(Tier& tier, Owner owner);
  std::optional<BlockKey> Victim(Space& space);
  std::vector<Owner> Owners() const;
  void BeginAdopting(const Owner& owner);
  io::Task<void> AdoptInBackground(Owner owner);
  void BeginHandingOver(Tier& tier, const Owner& owner);
  io::Task<void> HandOver(Tier& tier, Owner owner);
  io::Task<void> CloseBeyondLimit();
  io::Task<bool> Move(std::shared_ptr<Object> object, uint32_t block, uint8_t to, Admission admission);
  io::Task<bool> MoveBlock(std::shared_ptr<Object> object, uint32_t block, uint8_t to, Admission admission);
  io::Task<void> MoveAll(std::shared_ptr<Object> object, uint8_t to, Admission admission);
  io::Task<void> Promote(std::shared_ptr<Object> object, uint32_t block, uint8_t to);
  // Tells the policies: a block has come into its tier, or is about to leave it.
  void Enter(Object& object, uint32_t block);
  void Leave(Object& object, uint32_t block, bool evicted);
  void TouchBlock(Object& object, uint32_t block);
  // The block is no longer in its tier, as far as anybody can tell; its space is not touched. Returns the tier.
  uint8_t Disown(Object& object, uint32_t block, bool evicted = false);
  // The same, and frees its space; with it, the rest of a sealed file.
  io::Task<void> Drop(std::shared_ptr<Object> object, uint32_t block, bool evicted);
  io::Task<void> FreeSpace(std::shared_ptr<Object> object, uint32_t block, uint8_t tier);
  io::Task<void> TakeBack(std::shared_ptr<Object> object, uint32_t block, Tier& tier);
  io::Task<void> MakeHole(std::shared_ptr<Object> object, uint32_t block, uint8_t tier);
  io::Task<void> UnlinkFile(std::shared_ptr<Object> object, Tier& tier);
  // Where a piece of a block is read from: the file of the tier that had the block in that generation of the object.
  // That the block is proven says nothing of the file any more when it has moved since: a hole may be where it was.
  struct Place {
    uint32_t block;
    uint32_t offset_bytes;
    uint8_t tier;
    int fd;
    uint32_t generation;
  };
  io::Task<Status> ReadProven(std::shared_ptr<Object> object, Place place, std::span<std::byte> target);
  io::Task<Status> ReadMedium(std::shared_ptr<Object> object, uint32_t block, Tier& tier, std::span<std::byte> target);
  void DistrustIfChanged(Object& object, const Tier& tier, int64_t modified_ns);
  static StatusOr<UniqueFd> OpenPublished(const Tier& tier, const std::string& name);
  io::Task<StatusOr<int>> OpenFile(std::shared_ptr<Object> object, uint8_t tier, bool create);
  io::Task<StatusOr<UniqueFd>> OpenSealed(std::shared_ptr<Object> object, uint8_t tier);
  io::Task<bool> AwaitWritable(std::shared_ptr<Object> object, uint32_t block, Tier& tier);
  io::Task<void> Shed(std::shared_ptr<Object> object, Tier& tier, bool evicted);
  static void ReportBad(const Object& object, Tier& tier, const Status& status);
  io::Task<void> CloseIdleFiles();
  io::Task<void> CloseFile(std::shared_ptr<Object> object, uint8_t tier);
  io::Task<Status> WriteTo(std::shared_ptr<Object> object, uint32_t block, std::span<const std::byte> bytes,
                           Tier& tier);
  io::Task<Status> WriteFile(Object& object, uint32_t block, std::span<const std::byte> bytes, Tier& tier);
  void Record(const Object& object, uint32_t block);
  void RecordObject(const Object& object);
  // The next slower tier that is open to the object; null when there is none.
  Tier* Below(const Tier& tier, const Object& object) const;

  io::Loop& loop_;
  io::FileIo& io_;
  io::Sealer* sealer_ = nullptr;
  uint64_t open_files_max_ = 0;
  std::vector<std::unique_ptr<Tier>> tiers_;
  std::array<Tier*, kMedia> by_medium_{};
  std::unique_ptr<Index> index_;
  AccessRecorder accesses_;

  mutable std::mutex mutex_;
  // GUARDED_BY mutex_
  absl::flat_hash_map<ObjectId, std::shared_ptr<Object>> objects_;
  absl::flat_hash_map<std::string, std::shared_ptr<Account>> accounts_;  // by dataset

  std::list<std::shared_ptr<Object>> open_objects_;  // with a descriptor; least recently opened first
  uint64_t open_files_ = 0;
  bool eviction_allowed_ = true;
  io::Event room_;    // a tier has more room, or a block's space is free again
  io::Event proved_;  // a checksum was compared
  io::Semaphore moves_;
  io::Gate gate_;
};

}  // namespace sluice::cache

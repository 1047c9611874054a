// One volume's view of a source: names by its consistency, bytes through the cache.
//
//   immutable   what the source said once holds for as long as the volume is mounted
//   eventual    it is asked again when an answer is older than metadata_ttl
//   strong      it is asked at every look-up and every open
//
// Which of them it is, and the TTL, may change at any time; so may the source's names, as a whole (ForgetNames).
//
// An inode number stands for one version of one object (cache/catalog.h), so a file that is open keeps its version: a
// read that needs the source after the object was replaced fails with ABORTED (ESTALE), and never mixes two versions.
//
// Threads:     Try…, Get, ObjectOf, Closed, OnReader from any thread; the rest on the loop.
// Suspends:    Lookup, List, Read, ReadLink, Refresh, Prove.
// Owns:        its source and catalog, and a reference to each object that is open.
// Limits:      at most one listing per directory at a time, ListAhead::kMax that nobody waits for; throttles as set.
//              A look-up or listing begins anew kBeginningsMax times at most.
// Errors:      the source's; a listing that breaks off leaves what was listed before.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "cache/cache.h"
#include "cache/catalog.h"
#include "cache/directory_pages.h"
#include "cache/list_ahead.h"
#include "cache/read_limits.h"
#include "source/source.h"

namespace sluice::cache {

enum class Consistency { kImmutable, kEventual, kStrong };

struct DatasetOptions {
  std::string name;       // the volume's
  std::string identity;   // of the source: volumes with the same one share cached objects
  std::string directory;  // the catalog's
  Consistency consistency = Consistency::kEventual;
  Duration metadata_ttl = std::chrono::seconds(60);
  uint32_t block_size_bytes = 1 * kMiB;
  Catalog::Keep keep = Catalog::Keep::kNothing;
  std::optional<CacheLimits> cache_limits = std::nullopt;  // none: what the pool's tiers have
};

// What the kernel may be told of an answer.
struct LookupResult {
  std::optional<Node> node;  // nullopt: there is no such name
  Duration valid_for{0};
};

class Dataset {
 public:
  static constexpr size_t kUnopenedMax = 1024;
  static constexpr size_t kBeginningsMax = 8;

  static StatusOr<std::unique_ptr<Dataset>> Open(DatasetOptions options, std::shared_ptr<source::Source> source,
                                                 Cache& cache, io::Loop& loop, ReadLimits& node_limits,
                                                 Counter* throttled_ns);
  ~Dataset();

  // As it was opened; what can change since has an accessor of its own.
  const DatasetOptions& options() const { return options_; }
  const Catalog& catalog() const { return *catalog_; }
  Catalog& catalog() { return *catalog_; }

  // nullopt: ask Lookup.
  std::optional<LookupResult> TryLookup(Ino directory, std::string_view name) const;
  io::Task<StatusOr<LookupResult>> Lookup(Ino directory, std::string name);
  Consistency consistency() const { return consistency_; }
  // From now on, also of what is known already.
  void SetConsistency(Consistency consistency, Duration metadata_ttl) {
    consistency_ = consistency;
    metadata_ttl_ns_ = metadata_ttl.count();
  }
  // The source has other names now: none is known any more. What is open goes on as the version that it is; listings
  // and look-ups under way begin anew.
  void ForgetNames();

  std::optional<Node> Get(Ino ino) const { return catalog_->Get(ino); }
  Duration valid_for() const;
  // By the clock that says how old names are.
  int64_t NowNs() const;

  // Children after position `after`. nullopt: what comes next is not known yet; List, then ask again.
  std::optional<std::vector<Node>> TryChildren(Ino directory, Ino after, size_t count) const;
  // Returns when there are children after `after`, or the listing has ended.
  io::Task<Status> List(Ino directory, Ino after);
  // Lists to the end, and returns when that is fresh; with `since_ns` (see NowNs), when it was begun then or later, and
  // may be older than fresh. What an immutable volume has listed once stays fresh.
  io::Task<Status> ListAll(Ino directory, int64_t since_ns = 0);

  // A reader begins to read `directory`: lists in the background what it will read next, if it is on a walk.
  void OnReader(Ino directory);
  // Lists `directory` in the background, unless that is known or under way. Ends after `pages_max` pages if nobody has
  // come for it by then. `since_ns` as for ListAll. False: ListAhead::kMax listings like that are under way.
  bool StartListingAhead(Ino directory, size_t pages_max, int64_t since_ns = 0);

  io::Task<StatusOr<std::string>> ReadLink(Ino ino);

  // The object of a file that is open, or read without having been opened. Kept until Closed; of those that nobody
  // opened, the last kUnopenedMax.
  StatusOr<std::shared_ptr<Object>> ObjectOf(Ino ino);
  // No handle on the file is left.
  void Closed(Ino ino);
  // ABORTED when the source has another version of the file now.
  io::Task<Status> Confirm(Ino ino);
  bool must_confirm() const { return consistency_ == Consistency::kStrong; }

  // nullopt: Read it on the loop.
  std::optional<size_t> TryRead(Ino ino, uint64_t offset_bytes, std::span<std::byte> target);
  io::Task<StatusOr<size_t>> Read(Ino ino, uint64_t offset_bytes, std::span<std::byte> target);

  // The object of a file; counts as an Acquire of the store, to be given back with cache.store().Release.
  StatusOr<std::shared_ptr<Object>> AcquireObject(Ino ino) const;
  const std::shared_ptr<source::Source>& source() { return source_; }
  // Proves an object that is cached as a whole. False: it was not what the source says, and is to be fetched again.
  io::Task<bool> Prove(std::shared_ptr<Object> object);

  // What it may have of the tiers: from now on, also of what is there already (cache/account.h: of all volumes of this
  // source the largest limits count). On the loop. Before that it has claimed nothing.
  void SetCacheLimits(std::optional<CacheLimits> limits);
  // It is not mounted any more; what is cached stays, and so do the limits.
  void EndCacheLimits();
  const std::optional<CacheLimits>& cache_limits() const { return cache_limits_; }
  const Account& account() const { return *account_; }

  // Read so far, from the cache and from the source. Any thread.
  uint64_t hit_bytes() const { return hit_bytes_.value(); }
  uint64_t miss_bytes() const { return miss_bytes_.value(); }

  ReadLimits& limits() { return limits_; }
  // Reads must pass a limit: the daemon has to see them.
  bool throttled() const { return limits_.active() || node_limits_.active(); }
  // Waits for the dataset's and the node's limits.
  io::Task<void> PassLimits(uint64_t bytes);

  // Waits for listings and reads under way; no new ones begin.
  io::Task<void> Close();

 private:
  struct Listing {
    Listing(io::Loop& loop, int64_t now_ns) : progressed(loop), begun_ns(now_ns) {}
    io::Event progressed;
    const int64_t begun_ns;
    Status status;
    bool finished = false;
    size_t pages_max = SIZE_MAX;  // fewer while nobody waits for it
  };
  Dataset(DatasetOptions options, std::shared_ptr<source::Source> source, Cache& cache, io::Loop& loop,
          ReadLimits& node_limits, Counter* throttled_ns);

  bool IsFresh(int64_t at_ns) const;
  bool IsListed(Ino directory) const { return IsFresh(catalog_->listed_ns(directory)); }
  bool IsListed(Ino directory, int64_t since_ns) const;
  std::shared_ptr<Listing> StartListing(Ino directory);
  io::Task<void> RunListingAhead(Ino directory, size_t pages_max);
  io::Task<void> RunListing(Ino directory, std::shared_ptr<Listing> listing);
  io::Task<Status> ListPages(Ino directory, std::shared_ptr<Listing> listing);
  io::Task<Status> ListOnce(Ino directory, std::shared_ptr<Listing> listing, int64_t started_ns);
  void ForgetUnopened();

  const DatasetOptions options_;
  std::atomic<Consistency> consistency_;
  std::atomic<int64_t> metadata_ttl_ns_;
  uint64_t names_forgotten_ = 0;                  // loop; how often
  const std::shared_ptr<source::Source> source_;  // shared with the cache's fills
  std::unique_ptr<Catalog> catalog_;
  Cache& cache_;
  const std::shared_ptr<Account> account_;
  std::optional<CacheLimits> cache_limits_;  // loop
  io::Loop& loop_;
  ReadLimits& node_limits_;
  ReadLimits limits_;
  io::Gate gate_;

  absl::flat_hash_map<Ino, std::shared_ptr<Listing>> listings_;  // loop
  std::optional<ListAhead> list_ahead_;                          // loop
  size_t listings_ahead_ = 0;                                    // loop
  ListingBudget listing_budget_;                                 // loop
  bool may_cut_ = true;  // loop; listings into ranges, as far as is known of the source

  alignas(64) Counter hit_bytes_;  // readers meet here, and nowhere near
  Counter miss_bytes_;

  alignas(64) std::mutex objects_mutex_;
  // GUARDED_BY objects_mutex_
  absl::flat_hash_map<Ino, std::shared_ptr<Object>> objects_;
  std::deque<Ino> unopened_;  // whose objects nobody has opened, oldest first
};

}  // namespace sluice::cache

// One life of a process that has a cache: from its start over what is on the media to its end.
//
// It looks after the cache while others use it (tests/simulation/workload.h): budgets, and that what was begun ends.
// When nobody uses it any more, everything must add up, and return to zero in the end.
//
// Threads:  on the world's loop.
#pragma once

#include <list>
#include <map>

#include "cache/cache.h"
#include "tests/simulation/device.h"
#include "tests/simulation/origin.h"
#include "tests/simulation/sealer.h"

namespace sluice::simulation {

// What the seed makes of the cache: the same for all lives.
struct Setup {
  static Setup Draw(Random& random);

  uint32_t block_size_bytes = 0;
  uint64_t data_bytes = 0;
  std::vector<cache::TierOptions> tiers;  // without paths
  cache::CacheOptions options;            // without tiers
};

class Life {
 public:
  // Simulated time that anything may take which a reader waits for.
  static constexpr Duration kPatience = std::chrono::seconds(300);

  // `root` has the tiers' directories and the index; it may be empty.
  Life(World& world, Origin& origin, Medium& medium, const Setup& setup, std::string root);
  ~Life();

  World& world() { return world_; }
  Origin& origin() { return origin_; }
  cache::Cache& cache() { return *cache_; }
  cache::BlockStore& store() { return cache_->store(); }
  const std::shared_ptr<source::Source>& source() const { return source_; }

  bool stopping = false;  // who uses the cache comes to an end
  bool closing = false;   // and does not get everything any more

  // Something that must end within kPatience, while this exists.
  class Operation {
   public:
    Operation(Life& life, std::string what);
    ~Operation() { life_.operations_.erase(position_); }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

   private:
    Life& life_;
    std::list<std::pair<Instant, std::string>>::iterator position_;
  };
  // Who uses the cache; the life outlasts them.
  io::Gate& users() { return users_; }

  // Gives a dataset limits, as a mount does, and looks that they are kept to.
  void SetLimits(const std::string& dataset, const std::optional<cache::CacheLimits>& limits);
  // Of any size, of some of the tiers; or none.
  std::optional<cache::CacheLimits> DrawLimits(Random& random) const;

  // An error that a reader got. It must be the source's.
  void CheckError(const Status& error, const std::string& what);
  void CheckBudgets();
  // Waits until nothing is under way.
  io::Task<void> Settle();
  // REQUIRES: Settle. What is counted is what there is.
  void CheckAddsUp();
  // Gives everything up. REQUIRES: no users.
  io::Task<void> Empty();
  // Closes the cache. `empty`: then nothing may be left.
  io::Task<void> Close(bool empty);

 private:
  void Open(std::string root);
  static io::Task<void> Watch(Life* life);
  void CheckLimits();
  void CheckParts(const cache::Tier& tier);
  void CheckZero();
  bool IsIdle() const;

  World& world_;
  Origin& origin_;
  Medium& medium_;
  const Setup& setup_;
  std::unique_ptr<SimulatedDevice> device_;
  std::unique_ptr<SimulatedSealer> sealer_;
  std::shared_ptr<SimulatedSource> simulated_source_;
  std::shared_ptr<source::Source> source_;
  std::unique_ptr<Registry> metrics_;
  std::unique_ptr<cache::Cache> cache_;
  struct Budget {
    std::shared_ptr<cache::Account> account;
    std::optional<cache::CacheLimits> limits;
    std::array<uint64_t, cache::kMedia> used_bytes{};  // at the last look
  };
  std::map<std::string, Budget> budgets_;  // by dataset
  std::list<std::pair<Instant, std::string>> operations_;
  io::Gate users_;
  io::Gate watch_;
  bool ended_ = false;
  bool knows_space_ = false;  // every allocated byte was accounted for when the life began
  size_t descriptors_before_ = 0;
};

}  // namespace sluice::simulation

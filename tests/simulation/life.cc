#include "tests/simulation/life.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

namespace sluice::simulation {
namespace {

constexpr Duration kWatchInterval = std::chrono::milliseconds(5);

// Not through /proc/self/fd: entries of /proc make the end of a process slow.
size_t OpenDescriptors() {
  constexpr int kMost = 2048;
  size_t count = 0;
  for (int fd = 0; fd < kMost; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

}  // namespace

Setup Setup::Draw(Random& random) {
  constexpr std::string_view kPolicies[] = {"s3-fifo", "w-tinylfu", "lru"};
  // DRAM and SSD, SSD alone, …: bit by medium.
  constexpr uint8_t kTiers[] = {0b010, 0b011, 0b110, 0b111};
  Setup setup;
  setup.block_size_bytes = uint32_t{4096} << (2 * random.Below(3));
  const uint64_t block = setup.block_size_bytes;
  const uint8_t tiers = kTiers[random.Below(4)];
  uint64_t quota = random.Between(8, 48) * block;
  for (uint8_t medium = 0; medium < cache::kMedia; ++medium) {
    if ((tiers >> medium & 1) == 0) continue;
    cache::TierOptions tier;
    tier.medium = static_cast<cache::Medium>(medium);
    tier.quota_bytes = quota;
    tier.policy = kPolicies[random.Below(3)];
    tier.epochs = random.OneIn(4) ? cache::Epochs::kDeclared : cache::Epochs::kRecognised;
    setup.tiers.push_back(tier);
    quota *= random.Between(1, 3);
  }
  setup.data_bytes = setup.tiers.back().quota_bytes * random.Between(1, 4);
  cache::CacheOptions& options = setup.options;
  options.fill_memory_bytes = random.Between(2, 64) * block;
  options.fetches_max = random.Between(1, 8);
  options.fetch_bytes_max = random.Between(1, 8) * block;
  options.read_ahead_max_bytes = random.OneIn(4) ? 0 : random.Between(1, 32) * block;
  options.store.open_files_max = random.OneIn(3) ? 16 : 1024;
  options.store.index_commits = cache::Index::Commits::kAtOnce;
  return setup;
}

Life::Life(World& world, Origin& origin, Medium& medium, const Setup& setup, std::string root)
    : world_(world), origin_(origin), medium_(medium), setup_(setup), users_(world.loop), watch_(world.loop) {
  descriptors_before_ = OpenDescriptors();
  Open(std::move(root));
  io::Spawn(Watch(this));
}

void Life::Open(std::string root) {
  cache::CacheOptions options = setup_.options;
  options.store.index_directory = root + "/index";
  options.store.tiers = setup_.tiers;
  for (cache::TierOptions& tier : options.store.tiers) {
    tier.path = root + "/" + std::string(cache::kMediumNames[static_cast<size_t>(tier.medium)]);
    std::filesystem::create_directories(tier.path);
    if (world_.plant == Plant::kLargeQuota) tier.quota_bytes *= 2;
  }
  device_ = std::make_unique<SimulatedDevice>(world_, medium_);
  sealer_ = std::make_unique<SimulatedSealer>(world_, medium_);
  options.store.sealer = sealer_.get();
  simulated_source_ =
      std::make_shared<SimulatedSource>(world_, origin_, SourceLimits{options.fetches_max, options.fill_memory_bytes});
  source_ = simulated_source_;
  metrics_ = std::make_unique<Registry>();
  auto opened = cache::Cache::Open(options, world_.loop, *device_, *metrics_);
  world_.Check(opened.ok(), "progress", "the cache does not open: {}", opened.status().ToString());
  cache_ = std::move(*opened);
  // The end of the index's log went with the power: it names blocks that had left, and not those that had come since.
  knows_space_ = !medium_.lost_power();
  for (const auto& tier : store().tiers()) {
    medium_.AddTier(tier->index(), tier->directory_fd(), tier->options().path);
    world_.Note("life: the {} tier has {} of {} bytes", tier->name(), tier->used_bytes(), tier->quota_bytes());
    knows_space_ = knows_space_ && medium_.AllocatedBytes(tier->index()) <= tier->used_bytes();
  }
}

Life::~Life() {
  cache_.reset();
  world_.Check(OpenDescriptors() == descriptors_before_, "zero", "{} descriptors are open, {} were before the life",
               OpenDescriptors(), descriptors_before_);
}

Life::Operation::Operation(Life& life, std::string what) : life_(life) {
  position_ = life_.operations_.emplace(life_.operations_.end(), life_.world_.clock.Now(), std::move(what));
}

io::Task<void> Life::Watch(Life* life) {
  const io::Gate::Holder holder = life->watch_.Enter();
  while (!life->ended_) {
    life->CheckBudgets();
    for (const auto& [begun, what] : life->operations_) {
      life->world_.Check(life->world_.clock.Now() - begun < kPatience, "progress", "'{}' does not end", what);
    }
    co_await life->world_.loop.Sleep(kWatchInterval);
  }
}

void Life::CheckBudgets() {
  for (const cache::TierOptions& options : setup_.tiers) {
    const cache::Tier& tier = *store().tier(static_cast<uint8_t>(options.medium));
    world_.Check(tier.used_bytes() <= options.quota_bytes, "budget", "the {} tier uses {} bytes of {}", tier.name(),
                 tier.used_bytes(), options.quota_bytes);
  }
  CheckLimits();
}

// Beyond a quota that was lowered it may only become less.
void Life::CheckLimits() {
  for (auto& [dataset, budget] : budgets_) {
    for (const cache::TierOptions& options : setup_.tiers) {
      const auto medium = static_cast<uint8_t>(options.medium);
      const uint64_t used_bytes = budget.account->in(medium).used_bytes();
      if (budget.limits) {
        const auto& limit = budget.limits->media[medium];
        const uint64_t quota_bytes = limit ? limit->quota_bytes : 0;
        world_.Check(used_bytes <= std::max(quota_bytes, budget.used_bytes[medium]), "budget",
                     "'{}' uses {} bytes of tier {}, of {}; it had {}", dataset, used_bytes, medium, quota_bytes,
                     budget.used_bytes[medium]);
      }
      budget.used_bytes[medium] = used_bytes;
    }
  }
}

void Life::SetLimits(const std::string& dataset, const std::optional<cache::CacheLimits>& limits) {
  CheckLimits();
  Budget& budget = budgets_[dataset];
  if (budget.account == nullptr) budget.account = store().AccountOf(dataset);
  budget.limits = limits;
  for (const auto& tier : store().tiers()) {
    budget.used_bytes[tier->index()] = budget.account->in(tier->index()).used_bytes();
  }
  auto given = limits;
  for (size_t medium = 0; given && medium < cache::kMedia; ++medium) {
    auto& limit = given->media[medium];
    world_.Note("limits: '{}' may have {} bytes of tier {}", dataset, limit ? limit->quota_bytes : 0, medium);
    if (limit && world_.plant == Plant::kLargeLimit) limit->quota_bytes *= 2;
  }
  if (!given) world_.Note("limits: '{}' may have all", dataset);
  store().SetLimits(budget.account, dataset, given);
}

std::optional<cache::CacheLimits> Life::DrawLimits(Random& random) const {
  if (random.OneIn(4)) return std::nullopt;
  cache::CacheLimits limits;
  for (const cache::TierOptions& options : setup_.tiers) {
    if (random.OneIn(3)) continue;
    const uint64_t blocks = random.Below(options.quota_bytes / setup_.block_size_bytes + 4);
    limits.media[static_cast<size_t>(options.medium)] = {blocks * setup_.block_size_bytes, {}, {}};
  }
  return limits;
}

void Life::CheckError(const Status& error, const std::string& what) {
  const bool is_sources = Message(error).find(SimulatedSource::kMark) != std::string_view::npos;
  const bool is_closing = closing && error.code() == StatusCode::kCancelled;
  world_.Check(is_sources || is_closing, "errors", "{} failed, not by the source: {}", what, error.ToString());
}

bool Life::IsIdle() const {
  return device_->under_way() == 0 && sealer_->under_way() == 0 && simulated_source_->under_way() == 0 &&
         metrics_->Text().find("sluice_fill_memory_bytes 0\n") != std::string::npos;
}

io::Task<void> Life::Settle() {
  const Operation operation(*this, "settle");
  for (int idle = 0; idle < 3; idle = IsIdle() ? idle + 1 : 0) co_await world_.loop.Sleep(2 * kWatchInterval);
}

void Life::CheckAddsUp() {
  const auto objects = store().Objects();
  for (const auto& tier : store().tiers()) {
    if (!tier->in_service()) continue;
    uint64_t bytes = 0;
    size_t blocks = 0;
    for (const auto& object : objects) {
      bytes += object->seal(tier->index()).dead_bytes;
      for (uint32_t block = 0; block < object->block_count(); ++block) {
        if (object->TierOf(block) != tier->index()) continue;
        ++blocks;
        bytes += cache::Tier::Footprint(object->BlockLength(block));
      }
    }
    world_.Check(tier->used_bytes() == bytes, "zero", "the {} tier counts {} bytes and has blocks of {}", tier->name(),
                 tier->used_bytes(), bytes);
    world_.Check(tier->policy().size() == blocks, "zero", "the {} tier's policy has {} blocks of {}", tier->name(),
                 tier->policy().size(), blocks);
    CheckParts(*tier);
    const uint64_t allocated = medium_.AllocatedBytes(tier->index());
    world_.Check(allocated <= bytes || !knows_space_ || device_->left_holes(), "space",
                 "the {} tier's files take {} bytes for blocks of {}", tier->name(), allocated, bytes);
  }
}

// What the datasets have of the tier, and what their policies know of it.
void Life::CheckParts(const cache::Tier& tier) {
  const auto objects = store().Objects();
  for (const auto& [dataset, budget] : budgets_) {
    uint64_t bytes = 0;
    size_t blocks = 0;
    for (const auto& object : objects) {
      if (object->account != budget.account) continue;
      bytes += object->seal(tier.index()).dead_bytes;
      for (uint32_t block = 0; block < object->block_count(); ++block) {
        if (object->TierOf(block) != tier.index()) continue;
        ++blocks;
        bytes += cache::Tier::Footprint(object->BlockLength(block));
      }
    }
    const cache::Account::Part& part = budget.account->in(tier.index());
    world_.Check(part.used_bytes() == bytes, "zero", "'{}' counts {} bytes in the {} tier and has blocks of {}",
                 dataset, part.used_bytes(), tier.name(), bytes);
    world_.Check(!part.is_limited() || part.policy().size() == blocks, "zero",
                 "the policy of '{}' in the {} tier has another number of blocks than {}", dataset, tier.name(),
                 blocks);
  }
}

io::Task<void> Life::Empty() {
  const Operation operation(*this, "empty");
  auto objects = store().Objects();
  std::ranges::sort(objects, {}, [](const auto& object) { return object->id; });  // whatever its order in the table
  for (const auto& object : objects) {
    if (object->pinned) store().SetPinned(object, false);
    co_await store().Evict(object);
  }
  co_await Settle();
}

io::Task<void> Life::Close(bool empty) {
  {
    const Operation operation(*this, "close");
    closing = true;
    co_await cache_->Close();
    co_await users_.Close();
    co_await Settle();
  }
  if (empty) CheckZero();
  ended_ = true;
  co_await watch_.Close();
}

void Life::CheckZero() {
  for (const auto& object : store().Objects()) {
    world_.Check(false, "zero", "{} {} is left: {} handles, {} fetches, {} blocks{}", object->version.path,
                 object->version.version, object->opens().load(), object->fills.size(), object->cached_blocks(),
                 object->pinned ? ", pinned" : "");
  }
  for (const auto& tier : store().tiers()) {
    if (!tier->in_service()) continue;
    world_.Check(tier->used_bytes() == 0 && tier->policy().size() == 0, "zero", "{} bytes, {} blocks are left in {}",
                 tier->used_bytes(), tier->policy().size(), tier->name());
  }
}

}  // namespace sluice::simulation

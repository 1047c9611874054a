#include "cache/epoch_detector.h"

#include <algorithm>
#include <cstring>

namespace sluice::cache {
namespace {

// A miniature of 512 blocks tells hit ratios apart that differ by a few hundredths within a fraction of an epoch.
constexpr size_t kSampledMin = 512;
constexpr size_t kSampledMax = 4 * kSampledMin;
constexpr size_t kRememberedPerBlock = 16;
// Reads of a block within this part of a tier's worth of reads are one read in pieces.
constexpr double kBurst = 1.0 / 64;
// Of the reads of the last eighth of a tier's worth.
constexpr double kNewDataWindow = 1.0 / 8;
constexpr double kNewDataBegins = 0.5;
constexpr double kNewDataEnds = 0.25;

// Keeping must win by this much, per read: between equals the policy has it, as it follows what changes.
constexpr double kAdvantageMin = 0.02;
// Leads that decide, in tiers' worths of hits; chance alone gets 16 hits ahead once in a great many reads.
constexpr double kDecisiveHitsMin = 16;
constexpr double kLeadToKeep = 1.0 / 32;
constexpr double kRegretMax = 1.0 / 16;
// More than a tier's worth: where blocks come in the same order every time, a kept set and the one that follows it in
// that order take turns.
constexpr double kLeadToRenew = 1.5;
// For the same reason hits of the one part of an epoch count in the other.
constexpr double kCreditMax = 1.0 / 4;
constexpr double kLagOfOutdatedTrial = 1.0 / 4;
// Each time that keeping was left, the next leave takes twice the regret: a miniature of a policy may do better than
// the policy, whose state depends on where in an epoch it began.
constexpr double kPatienceMax = 16;
// The share of blocks that were not read since a trial began beyond which what is there is not what the trial kept.
constexpr double kJunkMax = 1.0 / 4;

}  // namespace

uint64_t StableHash(const BlockKey& key) {
  uint64_t word;
  std::memcpy(&word, key.object.bytes.data(), sizeof word);
  word += (key.block + 1) * 0x9e3779b97f4a7c15u;  // 2^64 divided by the golden ratio
  // A multiplication carries upwards only: the low bits, by which blocks are sampled, get the high ones' share.
  for (int i = 0; i < 2; ++i) {
    word ^= word >> 32;
    word *= 0xd6e8feb86659fd93u;
  }
  return word ^ word >> 32;
}

EpochDetector::Miniature::Miniature(std::unique_ptr<Policy> policy, uint64_t capacity_bytes)
    : policy_(std::move(policy)), capacity_bytes_(capacity_bytes) {}

bool EpochDetector::Miniature::Read(const BlockKey& key, uint64_t bytes) {
  if (resident_.contains(key)) {
    policy_->Touch(key, bytes);
    return true;
  }
  if (policy_->Admit(key, bytes, used_bytes_ + bytes <= capacity_bytes_)) Enter(key, bytes);
  return false;
}

void EpochDetector::Miniature::Enter(const BlockKey& key, uint64_t bytes) {
  if (bytes > capacity_bytes_) return;
  while (used_bytes_ + bytes > capacity_bytes_) {
    const auto victim = policy_->Victim([](const BlockKey&) { return true; });
    if (!victim) return;
    policy_->Erase(*victim, /*evicted=*/true);
    const auto found = resident_.find(*victim);
    used_bytes_ -= found->second;
    resident_.erase(found);
  }
  policy_->Insert(key, bytes);
  resident_[key] = bytes;
  used_bytes_ += bytes;
}

uint64_t EpochDetector::History::LastRead(uint64_t hash) const {
  for (const auto* generation : {&recent_, &older_}) {
    if (const auto found = generation->find(hash); found != generation->end()) return found->second;
  }
  return 0;
}

uint64_t EpochDetector::History::Exchange(uint64_t hash, uint64_t now, size_t keys_min) {
  const uint64_t before = LastRead(hash);
  recent_[hash] = now;
  if (recent_.size() >= keys_min) {
    older_ = std::move(recent_);
    recent_.clear();
  }
  return before;
}

EpochDetector::EpochDetector(MakeInner make_inner, uint64_t capacity_bytes, Epochs epochs)
    : make_inner_(std::move(make_inner)),
      capacity_bytes_(capacity_bytes),
      declared_(epochs == Epochs::kDeclared),
      keeping_(declared_),
      inner_(make_inner_(capacity_bytes), capacity_bytes) {}

// Fewer blocks are sampled the more the tier has. The miniatures begin anew: a tier grows while it fills, and no choice
// is made before a trial of its size has filled too.
void EpochDetector::Rescale(size_t resident) {
  tier_blocks_ = static_cast<double>(std::max<size_t>(resident >> shift_, 16));
  if (resident >> shift_ < kSampledMax && (shift_ == 0 || resident >> shift_ >= kSampledMin / 4)) return;
  shift_ = 0;
  while (resident >> shift_ >= kSampledMax) shift_ += 2;
  tier_blocks_ = static_cast<double>(std::max<size_t>(resident >> shift_, 16));
  BeginMiniatures();
  absl::erase_if(resident_, [this](uint64_t hash) { return (hash & mask()) != 0; });
}

void EpochDetector::BeginMiniatures() {
  inner_ = Miniature(make_inner_(capacity_bytes_ >> shift_), capacity_bytes_ >> shift_);
  StartTrial();
}

void EpochDetector::SetCapacity(uint64_t bytes) {
  capacity_bytes_ = bytes;
  BeginMiniatures();
}

void EpochDetector::Entered(const BlockKey& key) {
  const uint64_t hash = StableHash(key);
  if ((hash & mask()) == 0) resident_.insert(hash);
}

void EpochDetector::Left(const BlockKey& key) { resident_.erase(StableHash(key)); }

// The share of the tier's blocks that were not read since the trial began.
double EpochDetector::JunkShare() const {
  if (resident_.empty()) return 0;
  size_t junk = 0;
  for (const uint64_t hash : resident_) junk += history_.LastRead(hash) < trial_.began ? 1 : 0;
  return static_cast<double>(junk) / static_cast<double>(resident_.size());
}

// The tier's policy begins anew, with none of the blocks that are there: so does its miniature.
void EpochDetector::Renew() {
  regret_ = 0;
  inner_ = Miniature(make_inner_(capacity_bytes_ >> shift_), capacity_bytes_ >> shift_);
}

void EpochDetector::StartTrial() {
  trial_ = {};
  trial_.began = now_;
}

EpochDetector::Advice EpochDetector::Observe(const BlockKey& key, uint64_t bytes, bool hit, size_t resident) {
  const uint64_t hash = StableHash(key);
  if ((hash & mask()) != 0) return Advice::kNone;
  Rescale(resident);
  if ((hash & mask()) != 0) return Advice::kNone;
  const size_t keys_min = kRememberedPerBlock * static_cast<size_t>(tier_blocks_);
  const uint64_t before = history_.Exchange(hash, now_, keys_min);
  if (hit && before > 0 && static_cast<double>(now_ - before) < tier_blocks_ * kBurst) return Advice::kNone;
  ++now_;
  const bool inner_hit = inner_.Read(key, bytes);
  unknown_share_ += ((before == 0 ? 1 : 0) - unknown_share_) / std::max(tier_blocks_ * kNewDataWindow, 8.0);
  if (unknown_share_ < kNewDataEnds && new_data_) {
    new_data_ = false;
    // A trial that filled with what was read once would have no hits ever after, like the tier.
    if (keeping_) StartTrial();
  }
  if (unknown_share_ > kNewDataBegins && !new_data_) {
    new_data_ = true;
    StartTrial();
    if (keeping_) {
      Renew();
      return Advice::kNewData;
    }
  }
  if (keeping_ && !declared_) Reconsider(inner_hit, hit);
  return TryKeeping(hash, bytes, hit);
}

void EpochDetector::Reconsider(bool inner_hit, bool hit) {
  // What was kept in the middle of an epoch is read again in the next one.
  if (now_ < reconsider_at_) return;
  regret_ = std::max(-tier_blocks_ * kCreditMax, regret_ + (inner_hit ? 1 : 0) - (hit ? 1 : 0));
  if (regret_ < std::max(tier_blocks_ * kRegretMax, kDecisiveHitsMin) * patience_) return;
  keeping_ = false;
  patience_ = std::min(patience_ * 2, kPatienceMax);
  StartTrial();
}

EpochDetector::Advice EpochDetector::TryKeeping(uint64_t hash, uint64_t bytes, bool hit) {
  const bool kept = trial_.kept.contains(hash);
  if (!kept && trial_.used_bytes + bytes <= capacity_bytes_ >> shift_) {
    trial_.kept.insert(hash);
    trial_.used_bytes += bytes;
  } else if (!kept) {
    trial_.full = true;
  }
  if (!trial_.full) return Advice::kNone;
  // What is kept is of no use when a set that was begun later has so many more hits.
  const double decisive = keeping_ ? tier_blocks_ * kLeadToRenew : tier_blocks_ * kLeadToKeep;
  const double ahead = (kept ? 1.0 : 0.0) - (hit ? 1.0 : 0.0);
  trial_.lead = std::max(0.0, trial_.lead + ahead - kAdvantageMin);
  trial_.lag = std::max(0.0, trial_.lag - ahead);
  if (trial_.lead > std::max(decisive, kDecisiveHitsMin)) {
    const bool renews = keeping_ || JunkShare() > kJunkMax;
    keeping_ = true;
    regret_ = -tier_blocks_ * kCreditMax;
    reconsider_at_ = now_ + (now_ - trial_.began);
    StartTrial();
    if (!renews) return Advice::kNone;
    Renew();
    return Advice::kRenew;
  }
  if (trial_.lag > std::max(tier_blocks_ * kLagOfOutdatedTrial, kDecisiveHitsMin)) {
    StartTrial();
  }
  return Advice::kNone;
}

}  // namespace sluice::cache

#include "cache/object.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::cache {

int64_t ModifiedNs(int fd, const char* name) {
  struct stat st{};
  if (::fstatat(fd, name, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return 0;
  return int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
}

void SetModifiedNs(int fd, int64_t modified_ns) {
  const timespec times[2] = {{0, UTIME_OMIT}, {modified_ns / 1'000'000'000, modified_ns % 1'000'000'000}};
  (void)::futimens(fd, times);
}

Object::Object(ObjectVersion v, ObjectId i, std::shared_ptr<Account> a)
    : id(i),
      version(std::move(v)),
      account(std::move(a)),
      block_count_(
          static_cast<uint32_t>((version.size_bytes + version.block_size_bytes - 1) / version.block_size_bytes)),
      blocks_(std::make_unique<Block[]>(block_count_)) {
  for (auto& fd : fds_) fd = -1;
  for (auto& left_ns : left_ns_) left_ns = kNeverLeft;
}

Object::~Object() {
  for (auto& fd : fds_) {
    if (fd >= 0) ::close(fd);
  }
}

uint32_t Object::BlockLength(uint32_t block) const {
  const uint64_t start = uint64_t{block} * block_size();
  return static_cast<uint32_t>(std::min<uint64_t>(block_size(), size() - start));
}

std::optional<uint8_t> Object::TierOf(uint32_t block) const {
  const uint8_t tier_plus_one = blocks_[block].state.load() & ~kVerified;
  if (tier_plus_one == 0) return std::nullopt;
  return static_cast<uint8_t>(tier_plus_one - 1);
}

bool Object::IsVerified(uint32_t block) const { return (blocks_[block].state.load() & kVerified) != 0; }

std::optional<uint8_t> Object::WholeIn() const {
  const uint8_t tier = whole_in_.load();
  return tier == kNotWhole ? std::nullopt : std::optional<uint8_t>(tier);
}

void Object::UpdateWhole() {
  uint8_t whole = kNotWhole;
  for (uint8_t tier = 0; tier < kMedia; ++tier) {
    if (block_count_ > 0 && tier_blocks_[tier] == block_count_ && verified_blocks_ == block_count_) whole = tier;
  }
  whole_in_.store(whole);
}

void Object::SetPresent(uint32_t block, uint8_t tier, bool verified) {
  ClearBlock(block);
  ++tier_blocks_[tier];
  blocks_[block].hits = 0;
  blocks_[block].state.store(static_cast<uint8_t>(tier + 1));
  if (verified) SetVerified(block);
}

void Object::SetVerified(uint32_t block) {
  if ((blocks_[block].state.fetch_or(kVerified) & kVerified) == 0) ++verified_blocks_;
  UpdateWhole();
}

void Object::ClearBlock(uint32_t block) {
  const auto tier = TierOf(block);
  if (!tier) return;
  whole_in_.store(kNotWhole);
  --tier_blocks_[*tier];
  ++generation;
  if ((blocks_[block].state.exchange(0) & kVerified) != 0) --verified_blocks_;
}

void Object::Meet(uint8_t tier, int64_t modified_ns) {
  int64_t never = kNeverLeft;
  left_ns_[tier].compare_exchange_strong(never, modified_ns);
}

void Object::Distrust(uint8_t tier, int64_t modified_ns) {
  for (uint32_t block = 0; block < block_count_; ++block) {
    if (TierOf(block) == tier && (blocks_[block].state.fetch_and(static_cast<uint8_t>(~kVerified)) & kVerified) != 0)
      --verified_blocks_;
  }
  whole_in_.store(kNotWhole);
  left_ns_[tier] = modified_ns;
  ++distrusts_;
}

bool Object::LetGo() {
  while (!holders_.empty()) {
    if (!holders_.back()->LetGo()) return false;
  }
  return true;
}

void Object::Lose() {
  for (FileHolder* const holder : std::exchange(holders_, {})) holder->OnLost();
}

uint32_t Object::cached_blocks() const {
  uint32_t count = 0;
  for (const auto& in_tier : tier_blocks_) count += in_tier;
  return count;
}

std::optional<size_t> Object::TryRead(uint64_t offset_bytes, std::span<std::byte> target, uint8_t* tier) {
  if (offset_bytes >= size()) return 0;
  const size_t length = std::min<uint64_t>(target.size(), size() - offset_bytes);
  const ReaderEpochs::Reader reader(readers_);
  size_t done = 0;
  while (done < length) {
    const uint32_t block = BlockAt(offset_bytes + done);
    const uint8_t state = blocks_[block].state.load();
    if ((state & kVerified) == 0 || state == kVerified) break;
    const uint8_t block_tier = static_cast<uint8_t>((state & ~kVerified) - 1);
    const int fd = fds_[block_tier].load();
    const int64_t left = left_ns_[block_tier].load();
    if (fd < 0) break;
    // As far as the following blocks are in the same state, in one call.
    uint64_t end = std::min<uint64_t>(size(), (uint64_t{block} + 1) * block_size());
    while (end < offset_bytes + length && blocks_[BlockAt(end)].state.load() == state) {
      end = std::min<uint64_t>(size(), end + block_size());
    }
    const size_t part = std::min<uint64_t>(end, offset_bytes + length) - (offset_bytes + done);
    iovec vector{target.data() + done, part};
    ssize_t got = ::preadv2(fd, &vector, 1, static_cast<off_t>(offset_bytes + done), RWF_NOWAIT);
    // A tmpfs does not know the flag, nor does it have a device to wait for.
    if (got < 0 && errno == EOPNOTSUPP && block_tier == static_cast<uint8_t>(Medium::kDram))
      got = ::preadv2(fd, &vector, 1, static_cast<off_t>(offset_bytes + done), 0);
    if (got != static_cast<ssize_t>(part)) break;
    // A change shows in the file's time before it shows in its bytes.
    if (left != left_ns_[block_tier].load() || !IsAsLeft(block_tier, ModifiedNs(fd))) break;
    if (done == 0) *tier = block_tier;
    done += part;
  }
  if (done < length) return std::nullopt;
  return length;
}

io::Task<void> Object::Quiesce(io::Loop& loop) {
  constexpr Duration kPoll = std::chrono::microseconds(100);
  while (quiescing_) co_await loop.Sleep(kPoll);
  quiescing_ = true;
  const auto& readers_before = readers_.Turn();
  while (readers_before.load() != 0) co_await loop.Sleep(kPoll);
  quiescing_ = false;
}

}  // namespace sluice::cache

#include "cache/access_recorder.h"

#include <algorithm>

#include "cache/tier.h"

namespace sluice::cache {

Status AccessRecorder::Start() {
  const std::lock_guard lock(mutex_);
  if (active_) {
    return FailedPrecondition(
        "accesses are being recorded already, and there is one recording at a time; wait for it to end");
  }
  pending_ = {};  // also of what a reader was late with when the one before ended
  pending_.accesses.reserve(kPendingMax);
  visit_count_ = next_visit_ = 0;
  active_ = true;
  return absl::OkStatus();
}

void AccessRecorder::Stop() {
  const std::lock_guard lock(mutex_);
  active_ = false;
  pending_.accesses = std::vector<Access>();
}

AccessRecorder::Batch AccessRecorder::Take() {
  Batch batch;
  batch.accesses.reserve(kPendingMax);  // so that readers never wait for an allocation
  const std::lock_guard lock(mutex_);
  batch.lost = pending_.lost;
  batch.accesses.swap(pending_.accesses);
  return batch;
}

// Whether this part of a block is not a piece of a visit that was recorded.
// REQUIRES: mutex_ is held.
bool AccessRecorder::IsVisit(const BlockKey& key, bool from_start) {
  const auto end = visits_.begin() + static_cast<ptrdiff_t>(visit_count_);
  const auto found = std::find_if(visits_.begin(), end, [&](const Visit& visit) { return visit.key == key; });
  if (found != end) {
    const bool again = from_start && found->from_start;
    found->from_start |= from_start;  // the pieces come in any order
    if (!again) return false;
    *found = {};
  }
  visits_[next_visit_] = {key, from_start};
  next_visit_ = (next_visit_ + 1) % kPiecesOf;
  visit_count_ = std::min(visit_count_ + 1, kPiecesOf);
  return true;
}

void AccessRecorder::Record(const Object& object, ByteRange read) {
  const std::lock_guard lock(mutex_);
  for (uint32_t block = object.BlockAt(read.offset); uint64_t{block} * object.block_size() < read.end(); ++block) {
    const BlockKey key{object.id, block};
    if (!IsVisit(key, read.offset <= uint64_t{block} * object.block_size())) continue;
    if (pending_.accesses.size() == kPendingMax) {
      ++pending_.lost;
      continue;
    }
    pending_.accesses.push_back({key, static_cast<uint32_t>(Tier::Footprint(object.BlockLength(block)))});
  }
}

}  // namespace sluice::cache

#include "daemon/failed_mounts.h"

#include "common/printable.h"

namespace sluice::daemon {

void FailedMounts::Add(const std::string& volume_id, const Status& why, WallTime at) {
  Remove(volume_id);
  admin::v1::FailedMount failure;
  failure.set_volume_id(volume_id);
  failure.set_code(absl::StatusCodeToString(why.code()));
  failure.set_message(Printable(Message(why), kMessageBytesMax));
  failure.set_at_seconds(std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  const std::lock_guard lock(mutex_);
  failures_.push_back(std::move(failure));
  if (failures_.size() > kMax) failures_.pop_front();
}

void FailedMounts::Remove(const std::string& volume_id) {
  const std::lock_guard lock(mutex_);
  failures_.remove_if([&](const auto& failure) { return failure.volume_id() == volume_id; });
}

std::vector<admin::v1::FailedMount> FailedMounts::All() const {
  const std::lock_guard lock(mutex_);
  return {failures_.begin(), failures_.end()};
}

}  // namespace sluice::daemon

// Gives volumes other parameters: the plugin decides what they may be and records it, the mount follows.
//
//   SetVolume ─► plugin: what would it be? ─► its sources answer ─► plugin: so be it ─► the mount becomes that
//
// Whoever dies in between: the volume is what the plugin has recorded, and SetVolume may be said again.
//
// Threads:   Set from any but the loop, one at a time, the others wait; OnAnswer from any.
// Limits:    kAnswerDeadline for each answer of the plugin.
// Errors:    the plugin's and the sources': then nothing has changed. UNAVAILABLE when there is no plugin.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "daemon/broker_link.h"
#include "daemon/mounts.h"
#include "proto/admin.pb.h"

namespace sluice::daemon {

class VolumeChanger {
 public:
  static constexpr Duration kAnswerDeadline = std::chrono::seconds(5);

  VolumeChanger(BrokerLink& link, Mounts& mounts) : link_(link), mounts_(mounts) {}

  StatusOr<admin::v1::SetVolumeResponse> Set(const admin::v1::SetVolumeRequest& request);

  void OnAnswer(uint64_t number, broker::v1::ChangedVolume changed);

 private:
  StatusOr<broker::v1::ChangedVolume> Ask(const broker::v1::ChangeVolume& question);

  BrokerLink& link_;
  Mounts& mounts_;
  std::mutex turn_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::map<uint64_t, std::optional<broker::v1::ChangedVolume>> questions_;  // GUARDED_BY mutex_
  uint64_t next_number_ = 1;                                                // GUARDED_BY mutex_
};

}  // namespace sluice::daemon

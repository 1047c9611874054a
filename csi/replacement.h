// One daemon in another's place, while the volumes are in use: the old one ends, the new one starts and resumes, and if
// it cannot, what ran before starts again (Pool::Upgrade).
#pragma once

#include <cstdint>
#include <string>

#include "common/clock.h"
#include "common/pool_config.h"
#include "csi/daemon_process.h"

namespace sluice::csi {

struct Upgraded {
  std::string old_version;
  std::string new_version;
  uint32_t volumes = 0;
  Duration pause{};  // from the end of the old daemon until the new one served all volumes
};

struct Replacement {
  enum class Phase : uint8_t { kEnding, kStarting, kRollingBack, kDone };
  Phase phase = Phase::kEnding;
  bool is_awaited = true;  // somebody waits for it, and ends it
  DaemonProcess::Program before;
  PoolConfigs configs_before;
  Upgraded upgraded;
  Instant ended{};      // the old daemon
  std::string failure;  // of the new one
};

}  // namespace sluice::csi

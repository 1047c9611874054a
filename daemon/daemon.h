// The daemon put together: loop, files, sources, cache, mounts, jobs, admin socket. Built in this order, taken down in
// the reverse one.
//
// Threads:  Run on the main thread; Stop from any.
#pragma once

#include <memory>
#include <string>

#include "common/status.h"
#include "common/unique_fd.h"
#include "daemon/overridden_config.h"

namespace sluice::daemon {

struct DaemonOptions {
  std::string pool_directory;  // for the index, catalogs and the admin socket
  OverriddenConfig config;
  std::string version;
  std::string confinement;  // see Confine
  uint64_t restarts = 0;    // of this pool's daemon since who starts it has started
  bool attached = false;    // somebody else than the plugin starts it
};

class Daemon {
 public:
  // Error: what a tier, the index or the admin socket has against it.
  static StatusOr<std::unique_ptr<Daemon>> Start(DaemonOptions options);
  ~Daemon();

  // Until Stop or, when it is not attached, until there has been no plugin and no volume for some time.
  void Run();
  // An attached one waits for a plugin first, if there is none: both may be told to end at a time.
  void Stop();

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::daemon

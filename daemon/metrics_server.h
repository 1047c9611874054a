// GET /metrics and /healthz over HTTP, for Prometheus. Only when the configuration names an address.
//
// Threads:  cpp-httplib's own.
// Errors:   Listen: INVALID_ARGUMENT for an address that is not HOST:PORT; UNAVAILABLE when it cannot be bound.
#pragma once

#include <memory>
#include <string>

#include "common/metrics.h"
#include "common/status.h"

namespace sluice::daemon {

class MetricsServer {
 public:
  static StatusOr<uint16_t> PortOf(const std::string& address);  // of "HOST:PORT"
  static StatusOr<std::unique_ptr<MetricsServer>> Listen(const std::string& address, const Registry& metrics);
  ~MetricsServer();

 private:
  MetricsServer();
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace sluice::daemon

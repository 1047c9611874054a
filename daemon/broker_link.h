// The connection to the plugin, as far as there is one.
//
// Threads:   thread-safe.
// Errors:    UNAVAILABLE while no plugin is connected.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "common/message_socket.h"

namespace sluice::daemon {

class BrokerLink {
 public:
  Status Send(std::string_view bytes, std::span<const int> descriptors = {}) {
    const auto connection = Current();
    if (connection == nullptr) return Unavailable("no plugin is connected");
    return connection->Send(bytes, descriptors);
  }
  // Null: the plugin has gone.
  void Set(std::shared_ptr<MessageSocket> connection) {
    const std::lock_guard lock(mutex_);
    connection_ = std::move(connection);
  }
  void Shutdown() {
    if (const auto connection = Current(); connection != nullptr) connection->Shutdown();
  }

 private:
  std::shared_ptr<MessageSocket> Current() const {
    const std::lock_guard lock(mutex_);
    return connection_;
  }

  mutable std::mutex mutex_;
  std::shared_ptr<MessageSocket> connection_;  // GUARDED_BY mutex_
};

}  // namespace sluice::daemon

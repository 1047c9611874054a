// Where the plugin connects to the daemon: a SOCK_SEQPACKET socket in the pool's directory.
//
// Only root may: a connection of another user is closed, and the log says whose it was.
//
// Threads:   Accept by one; Shutdown from any.
// Owns:      the socket and its file.
// Limits:    kBacklog connections wait.
// Errors:    Listen: FAILED_PRECONDITION when another daemon answers there. Accept: DEADLINE_EXCEEDED; UNAVAILABLE
// after
//            Shutdown.
#pragma once

#include <memory>
#include <string>

#include "common/clock.h"
#include "common/message_socket.h"

namespace sluice::daemon {

class BrokerSocket {
 public:
  static constexpr int kBacklog = 4;

  static StatusOr<std::unique_ptr<BrokerSocket>> Listen(const std::string& path);
  ~BrokerSocket();

  StatusOr<MessageSocket> Accept(Duration deadline);
  void Shutdown();

 private:
  BrokerSocket() = default;

  std::string path_;
  UniqueFd listener_;
};

}  // namespace sluice::daemon

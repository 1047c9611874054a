// One end of a unix SOCK_SEQPACKET connection that carries whole messages and file descriptors.
//
// The plugin and its daemon talk over it (proto/broker.proto). Each end treats the other as hostile: a message is at
// most kMessageBytesMax long and carries at most kDescriptorsMax descriptors; more is an error, and what arrived of
// it is closed. A peer that lets kSendDeadline pass without reading is taken for dead: the connection ends.
//
// Threads:  Send may be called from any thread; Receive from one at a time.
// Owns:     its socket. Received descriptors belong to the caller, sent ones stay the caller's.
// Errors:   UNAVAILABLE when the peer has gone; DEADLINE_EXCEEDED; INVALID_ARGUMENT for a message over the limits.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace sluice {

class MessageSocket {
 public:
  static constexpr size_t kMessageBytesMax = 128 * 1024;
  static constexpr size_t kDescriptorsMax = 4;
  static constexpr Duration kSendDeadline = std::chrono::seconds(5);

  struct Message {
    std::string bytes;
    std::vector<UniqueFd> descriptors;
  };

  explicit MessageSocket(UniqueFd socket);

  // A connected pair, close-on-exec.
  static StatusOr<std::pair<MessageSocket, MessageSocket>> Pair();

  Status Send(std::string_view bytes, std::span<const int> descriptors = {});
  StatusOr<Message> Receive();

  // How long each Receive waits from now on: then DEADLINE_EXCEEDED. Zero: for ever, as at first.
  void SetReceiveDeadline(Duration deadline);

  // Ends the connection: a Receive that waits in either process returns UNAVAILABLE.
  void Shutdown();

  int fd() const { return socket_.get(); }
  UniqueFd Release() { return std::move(socket_); }

 private:
  UniqueFd socket_;
};

}  // namespace sluice

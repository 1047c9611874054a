// The daemon's end of the conversation with the plugin (proto/broker.proto).
//
// Threads:   one that receives; requests are carried out on a few workers, so that a slow source holds up no other
//            volume, and answered from there.
// Limits:    kWorkers requests at a time; the rest wait in order.
// Errors:    go back to the plugin as Results. When the plugin goes, Run returns: without it the daemon has no purpose.
#pragma once

#include <string>

#include "common/message_socket.h"
#include "daemon/mounts.h"
#include "daemon/prewarm.h"

namespace sluice::daemon {

class BrokerClient {
 public:
  static constexpr size_t kWorkers = 8;

  BrokerClient(UniqueFd socket, Mounts& mounts, Prewarmer& prewarmer, io::Loop& loop)
      : socket_(std::move(socket)), mounts_(mounts), prewarmer_(prewarmer), loop_(loop) {}

  // Says Hello and serves requests until the plugin goes or Stop.
  void Run(const std::string& version);
  // Any thread.
  void Stop() { socket_.Shutdown(); }

 private:
  void Carry(const broker::v1::Message& request, UniqueFd descriptor);

  MessageSocket socket_;
  Mounts& mounts_;
  Prewarmer& prewarmer_;
  io::Loop& loop_;
};

}  // namespace sluice::daemon

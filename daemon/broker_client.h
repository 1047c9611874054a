// The daemon's end of the conversation with the plugin (proto/broker.proto).
//
// Threads:   one that receives; requests are carried out on a few workers, so that a slow source holds up no other
//            volume, and answered from there.
// Limits:    kWorkers requests at a time; the rest wait in order.
// Errors:    go back to the plugin as Results. When the plugin goes, Run returns: without it the daemon has no purpose.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "cache/published_trees.h"
#include "common/message_socket.h"
#include "daemon/backing_client.h"
#include "daemon/mounts.h"
#include "daemon/prewarm.h"

namespace sluice::daemon {

class BrokerClient {
 public:
  static constexpr size_t kWorkers = 8;
  // Making a tree may take longer; a publish does not wait for it, and the next one finds it.
  static constexpr Duration kTreeDeadline = std::chrono::seconds(8);

  // `on_resumed` is called once, when what the daemon before this one has served is served again.
  BrokerClient(MessageSocket& socket, Mounts& mounts, Prewarmer& prewarmer, cache::PublishedTrees& trees,
               BackingClient& backings, io::Loop& loop, std::function<void()> on_resumed)
      : socket_(socket),
        mounts_(mounts),
        prewarmer_(prewarmer),
        trees_(trees),
        backings_(backings),
        loop_(loop),
        on_resumed_(std::move(on_resumed)) {}

  // Says Hello and serves requests until the plugin goes or Stop.
  void Run(const std::string& version);
  // Any thread.
  void Stop() { socket_.Shutdown(); }

 private:
  // True when the message needs no worker and no answer.
  bool TakeAtOnce(broker::v1::Message& message);
  void Carry(const broker::v1::Message& request, UniqueFd descriptor);
  Status MountVolume(const broker::v1::Mount& request, UniqueFd descriptor);
  StatusOr<UniqueFd> LeaseTree(const std::string& volume_id, std::string* name);
  void ResumedOne();

  MessageSocket& socket_;
  Mounts& mounts_;
  Prewarmer& prewarmer_;
  cache::PublishedTrees& trees_;
  BackingClient& backings_;
  io::Loop& loop_;
  const std::function<void()> on_resumed_;
  std::atomic<size_t> resuming_{1};  // mounts under way, and the end of their list
};

}  // namespace sluice::daemon

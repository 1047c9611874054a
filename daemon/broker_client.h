// The daemon's end of the conversation with the plugin (proto/broker.proto).
//
// Without a plugin the volumes are served on; the next one that connects is told of them. What only a plugin can do
// fails meanwhile: files are opened without passthrough.
//
// Threads:   one that accepts and receives; requests are carried out on a few workers, so that a slow source holds up
//            no other volume, and answered from there.
// Limits:    one plugin at a time; kWorkers requests at a time, the rest wait in order.
// Errors:    go back to the plugin as Results.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cache/published_trees.h"
#include "daemon/backing_client.h"
#include "daemon/broker_link.h"
#include "daemon/broker_socket.h"
#include "daemon/mounts.h"
#include "daemon/prewarm.h"
#include "daemon/tree_prover.h"
#include "daemon/volume_changer.h"
#include "io/blocking_pool.h"

namespace sluice::daemon {

class BrokerClient {
 public:
  static constexpr size_t kWorkers = 8;
  // Making a tree may take longer; a publish does not wait for it, and the next one finds it.
  static constexpr Duration kTreeDeadline = std::chrono::seconds(8);
  static constexpr Duration kAloneMax = std::chrono::seconds(30);
  // Less than a pod is given to end.
  static constexpr Duration kHandOverMax = std::chrono::seconds(20);

  // `on_resumed` is called for each plugin, when what was mounted before it came is served.
  BrokerClient(BrokerSocket& socket, BrokerLink& link, Mounts& mounts, Prewarmer& prewarmer,
               cache::PublishedTrees& trees, TreeProver& prover, BackingClient& backings, VolumeChanger& changer,
               io::Loop& loop, std::function<void()> on_resumed)
      : socket_(socket),
        link_(link),
        mounts_(mounts),
        prewarmer_(prewarmer),
        trees_(trees),
        prover_(prover),
        backings_(backings),
        changer_(changer),
        loop_(loop),
        on_resumed_(std::move(on_resumed)) {}

  // Serves one plugin after the other until Stop; if it `ends_alone`, until there has been none for kAloneMax and no
  // volume either.
  void Run(const std::string& version, bool ends_alone);
  // Returns once a plugin has the descriptors of all volumes, or none is served, or after kHandOverMax: what ends while
  // nobody else has them takes their connections with it. Any thread but Run's.
  void AwaitPlugin();
  // Any thread.
  void Stop();

 private:
  using Connection = std::shared_ptr<MessageSocket>;
  void Converse(const Connection& connection, const std::string& version);
  Status Greet(MessageSocket& connection, const std::string& version);
  Status TellOf(MessageSocket& connection, Mount& mount);
  // True when the message needs no worker.
  bool TakeAtOnce(const Connection& connection, broker::v1::Message& message);
  void Carry(const Connection& connection, const broker::v1::Message& request, std::vector<UniqueFd>& descriptors);
  // `answer` with the Result that `status` is; `shared`, if it is valid, goes along.
  static void Reply(MessageSocket& connection, const Status& status, broker::v1::Message answer,
                    const UniqueFd& shared = UniqueFd());
  Status MountVolume(const broker::v1::Mount& request, UniqueFd descriptor);
  // `tiers`: their directories, as the plugin sees them.
  StatusOr<UniqueFd> LeaseTree(const std::string& volume_id, std::span<const UniqueFd> tiers, std::string* name);
  static StatusOr<UniqueFd> OpenBelow(std::span<const UniqueFd> tiers, UniqueFd directory, const std::string& name);
  void ResumedOne();

  BrokerSocket& socket_;
  BrokerLink& link_;
  Mounts& mounts_;
  Prewarmer& prewarmer_;
  cache::PublishedTrees& trees_;
  TreeProver& prover_;
  BackingClient& backings_;
  VolumeChanger& changer_;
  io::Loop& loop_;
  const std::function<void()> on_resumed_;
  std::optional<io::BlockingPool> workers_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> is_greeted_{false};  // there is a plugin, and it was sent what this daemon holds
  std::atomic<size_t> resuming_{0};      // mounts under way, and the end of their list
};

}  // namespace sluice::daemon

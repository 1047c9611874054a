#include "daemon/broker_client.h"

#include <spdlog/spdlog.h>

#include <future>

#include "io/blocking_pool.h"
#include "io/call.h"

namespace sluice::daemon {

namespace {

io::Task<void> BuildTree(cache::PublishedTrees& trees, std::shared_ptr<Mount> mount,
                         std::shared_ptr<std::promise<Status>> built) {
  built->set_value(co_await trees.Build(*mount->dataset, TreeOptionsOf(mount->spec)));
}

}  // namespace

void BrokerClient::Run(const std::string& version) {
  broker::v1::Message hello;
  hello.mutable_hello()->set_protocol_version(1);
  hello.mutable_hello()->set_daemon_version(version);
  if (const Status sent = socket_.Send(hello.SerializeAsString()); !sent.ok()) {
    spdlog::error("{}", Message(sent));
    return;
  }
  io::BlockingPool workers(loop_, kWorkers);
  for (;;) {
    auto received = socket_.Receive();
    if (!received.ok()) {
      spdlog::info("the plugin has closed the broker socket");
      return;
    }
    auto request = std::make_shared<broker::v1::Message>();
    if (!request->ParseFromString(received->bytes)) {
      spdlog::error("a broker message of {} bytes cannot be read; it is ignored", received->bytes.size());
      continue;
    }
    if (TakeAtOnce(*request)) continue;
    if (request->mount().resume()) ++resuming_;
    auto descriptor = std::make_shared<UniqueFd>();
    if (!received->descriptors.empty()) *descriptor = std::move(received->descriptors.front());
    workers.Start([this, request, descriptor] { Carry(*request, std::move(*descriptor)); });
  }
}

void BrokerClient::ResumedOne() {
  if (--resuming_ == 0) on_resumed_();
}

bool BrokerClient::TakeAtOnce(broker::v1::Message& message) {
  if (message.has_backing()) {
    backings_.OnAnswer(message.number(), std::move(*message.mutable_backing()));
  } else if (message.has_release_tree()) {
    loop_.Post([this, name = message.release_tree().tree()] { trees_.Release(name); });
  } else if (message.has_resumed()) {
    const auto& mounted = message.resumed().mounted_trees();
    loop_.Post([this, names = std::set<std::string>(mounted.begin(), mounted.end())] { trees_.KeepLeased(names); });
    ResumedOne();
  } else {
    return false;
  }
  return true;
}

Status BrokerClient::MountVolume(const broker::v1::Mount& request, UniqueFd descriptor) {
  if (!descriptor.valid()) return InvalidArgument("a Mount without a FUSE descriptor");
  RETURN_IF_ERROR(mounts_.Add(request, std::move(descriptor)));
  if (const auto mount = mounts_.Find(request.volume().volume_id()); mount.ok()) prewarmer_.OnMounted(*mount);
  return absl::OkStatus();
}

StatusOr<UniqueFd> BrokerClient::LeaseTree(const std::string& volume_id, std::string* name) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Mount> mount, mounts_.Find(volume_id));
  *name = TreeOptionsOf(mount->spec).name;
  const auto built = std::make_shared<std::promise<Status>>();
  std::future<Status> result = built->get_future();
  loop_.Post([this, mount, built] { io::Spawn(BuildTree(trees_, mount, built)); });
  if (result.wait_for(kTreeDeadline) != std::future_status::ready) {
    return FailedPrecondition("the volume's tree is still being made");
  }
  RETURN_IF_ERROR(result.get());
  return io::RunOn(loop_, [&] { return trees_.Lease(*name); });
}

void BrokerClient::Carry(const broker::v1::Message& request, UniqueFd descriptor) {
  broker::v1::Message answer;
  answer.set_number(request.number());
  Status status;
  UniqueFd shared;
  if (request.has_mount()) {
    status = MountVolume(request.mount(), std::move(descriptor));
    if (request.mount().resume()) ResumedOne();
  } else if (request.has_unmount()) {
    status = mounts_.Remove(request.unmount().volume_id());
  } else if (request.has_lease_tree()) {
    auto tree = LeaseTree(request.lease_tree().volume_id(), answer.mutable_result()->mutable_tree());
    status = tree.status();
    if (tree.ok()) shared = *std::move(tree);
  } else {
    status = Unimplemented("broker message {} is not known to this daemon", static_cast<int>(request.body_case()));
  }
  answer.mutable_result()->set_code(static_cast<int>(status.code()));
  answer.mutable_result()->set_message(std::string(Message(status)));
  const int shared_fd = shared.get();
  const std::span<const int> descriptors(&shared_fd, shared.valid() ? 1 : 0);
  if (const Status sent = socket_.Send(answer.SerializeAsString(), descriptors); !sent.ok()) {
    spdlog::warn("{}", Message(sent));
  }
}

}  // namespace sluice::daemon

#include "daemon/broker_client.h"

#include <spdlog/spdlog.h>

#include "io/blocking_pool.h"

namespace sluice::daemon {

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
    if (request->has_backing()) {
      backings_.OnAnswer(request->number(), std::move(*request->mutable_backing()));
      continue;
    }
    if (request->has_resumed()) {
      ResumedOne();
      continue;
    }
    if (request->mount().resume()) ++resuming_;
    auto descriptor = std::make_shared<UniqueFd>();
    if (!received->descriptors.empty()) *descriptor = std::move(received->descriptors.front());
    workers.Start([this, request, descriptor] { Carry(*request, std::move(*descriptor)); });
  }
}

void BrokerClient::ResumedOne() {
  if (--resuming_ == 0) on_resumed_();
}

void BrokerClient::Carry(const broker::v1::Message& request, UniqueFd descriptor) {
  Status status;
  switch (request.body_case()) {
    case broker::v1::Message::kMount:
      status = descriptor.valid() ? mounts_.Add(request.mount(), std::move(descriptor))
                                  : InvalidArgument("a Mount without a FUSE descriptor");
      if (!status.ok()) break;
      if (const auto mount = mounts_.Find(request.mount().volume().volume_id()); mount.ok())
        prewarmer_.OnMounted(*mount);
      break;
    case broker::v1::Message::kUnmount:
      status = mounts_.Remove(request.unmount().volume_id());
      break;
    default:
      status = Unimplemented("broker message {} is not known to this daemon", static_cast<int>(request.body_case()));
  }
  if (request.mount().resume()) ResumedOne();
  broker::v1::Message answer;
  answer.set_number(request.number());
  answer.mutable_result()->set_code(static_cast<int>(status.code()));
  answer.mutable_result()->set_message(std::string(Message(status)));
  if (const Status sent = socket_.Send(answer.SerializeAsString()); !sent.ok()) spdlog::warn("{}", Message(sent));
}

}  // namespace sluice::daemon

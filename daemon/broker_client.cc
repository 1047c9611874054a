#include "daemon/broker_client.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <future>
#include <thread>

#include "common/clock.h"
#include "io/call.h"

namespace sluice::daemon {

namespace {

io::Task<void> BuildTree(cache::PublishedTrees& trees, std::shared_ptr<Mount> mount,
                         std::shared_ptr<std::promise<Status>> built) {
  built->set_value(co_await trees.Build(*mount->dataset, TreeOptionsOf(*mount->spec())));
}

}  // namespace

void BrokerClient::Run(const std::string& version, bool ends_alone) {
  workers_.emplace(loop_, kWorkers);
  while (!stop_) {
    auto accepted = socket_.Accept(kAloneMax);
    if (accepted.ok()) {
      Converse(std::make_shared<MessageSocket>(*std::move(accepted)), version);
    } else if (accepted.status().code() != StatusCode::kDeadlineExceeded) {
      break;
    } else if (ends_alone && !mounts_.AnyServed()) {
      spdlog::info("no plugin for {} s, and nothing is mounted: sluiced ends", kAloneMax / std::chrono::seconds(1));
      break;
    }
  }
  workers_.reset();
}

void BrokerClient::AwaitPlugin() {
  const Instant begin = Clock::System().Now();
  if (!is_greeted_ && mounts_.AnyServed())
    spdlog::info("there is no plugin that has the volumes; sluiced waits for one");
  while (!is_greeted_ && !stop_ && mounts_.AnyServed() && Clock::System().Now() - begin < kHandOverMax) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void BrokerClient::Stop() {
  stop_ = true;
  socket_.Shutdown();
  link_.Shutdown();
}

void BrokerClient::Converse(const Connection& connection, const std::string& version) {
  resuming_ = 1;
  link_.Set(connection);
  Status status = Greet(*connection, version);
  is_greeted_ = status.ok();
  while (status.ok() && !stop_) {
    auto received = connection->Receive();
    status = received.status();
    if (!status.ok()) break;
    auto request = std::make_shared<broker::v1::Message>();
    if (!request->ParseFromString(received->bytes)) {
      spdlog::error("a broker message of {} bytes cannot be read; it is ignored", received->bytes.size());
      continue;
    }
    if (TakeAtOnce(connection, *request)) continue;
    if (request->mount().resume()) ++resuming_;
    auto descriptors = std::make_shared<std::vector<UniqueFd>>(std::move(received->descriptors));
    workers_->Start([this, connection, request, descriptors] { Carry(connection, *request, *descriptors); });
  }
  is_greeted_ = false;
  link_.Set(nullptr);
  if (!stop_) spdlog::warn("the plugin has gone; {} volumes are served without it", mounts_.All().size());
}

// In one packet after the other, before anything is asked: the plugin knows what there is when it hears Hello.
Status BrokerClient::Greet(MessageSocket& connection, const std::string& version) {
  for (const auto& mount : mounts_.All()) RETURN_IF_ERROR(TellOf(connection, *mount));
  broker::v1::Message hello;
  hello.mutable_hello()->set_protocol_version(3);
  hello.mutable_hello()->set_daemon_version(version);
  return connection.Send(hello.SerializeAsString());
}

Status BrokerClient::TellOf(MessageSocket& connection, Mount& mount) {
  broker::v1::Message message;
  broker::v1::Held& held = *message.mutable_held();
  *held.mutable_volume() = mount.SpecWithCredentials();
  held.set_fuse_init(mount.fuse_init);
  const auto backings = io::RunOn(loop_, [&] { return mount.session->files().backing_ids(); });
  held.mutable_backings()->insert(backings.begin(), backings.end());
  const int descriptor = mount.session->fuse_fd();
  return connection.Send(message.SerializeAsString(), {&descriptor, 1});
}

void BrokerClient::ResumedOne() {
  if (--resuming_ == 0) on_resumed_();
}

bool BrokerClient::TakeAtOnce(const Connection& connection, broker::v1::Message& message) {
  if (message.has_backing()) {
    backings_.OnAnswer(message.number(), std::move(*message.mutable_backing()));
  } else if (message.has_changed_volume()) {
    changer_.OnAnswer(message.number(), std::move(*message.mutable_changed_volume()));
  } else if (message.has_ping()) {
    loop_.Post([connection, number = message.number()] {
      broker::v1::Message alive;
      alive.set_number(number);
      alive.mutable_result();
      if (const Status sent = connection->Send(alive.SerializeAsString()); !sent.ok())
        spdlog::warn("{}", Message(sent));
    });
  } else if (message.has_renew_credentials()) {
    broker::v1::Message answer;
    answer.set_number(message.number());
    Reply(*connection, mounts_.Renew(message.renew_credentials()), std::move(answer));
  } else if (message.has_release_tree()) {
    loop_.Post([this, name = message.release_tree().tree()] { trees_.Release(name); });
  } else if (message.has_stop()) {
    spdlog::info("the plugin asks for it: sluiced stops");
    Stop();
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
  const auto mount = mounts_.Find(request.volume().volume_id());
  if (!mount.ok()) return absl::OkStatus();
  prewarmer_.OnMounted(*mount);
  if (!request.resume()) loop_.Post([this, mount = *mount] { prover_.OnServed(mount); });
  return absl::OkStatus();
}

// The same directory, opened below one of `tiers`.
StatusOr<UniqueFd> BrokerClient::OpenBelow(std::span<const UniqueFd> tiers, UniqueFd directory,
                                           const std::string& name) {
  struct stat own{};
  if (::fstat(directory.get(), &own) != 0) return ErrnoStatus(errno, "a published tree");
  const std::string path = fmt::format("{}/{}", cache::PublishedTrees::kDirectory, name);
  for (const UniqueFd& tier : tiers) {
    UniqueFd fd(::openat(tier.get(), path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st{};
    if (fd.valid() && ::fstat(fd.get(), &st) == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino) return fd;
  }
  return directory;
}

StatusOr<UniqueFd> BrokerClient::LeaseTree(const std::string& volume_id, std::span<const UniqueFd> tiers,
                                           std::string* name) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Mount> mount, mounts_.Find(volume_id));
  *name = TreeOptionsOf(*mount->spec()).name;
  const auto built = std::make_shared<std::promise<Status>>();
  std::future<Status> result = built->get_future();
  loop_.Post([this, mount, built] { io::Spawn(BuildTree(trees_, mount, built)); });
  if (result.wait_for(kTreeDeadline) != std::future_status::ready) {
    return FailedPrecondition("the volume's tree is still being made");
  }
  RETURN_IF_ERROR(result.get());
  auto lease = io::CallOn(loop_, trees_.Lease(*name));
  if (lease.status().code() == StatusCode::kFailedPrecondition) loop_.Post([this, mount] { prover_.Start(mount); });
  RETURN_IF_ERROR(lease.status());
  return OpenBelow(tiers, *std::move(lease), *name);
}

void BrokerClient::Carry(const Connection& connection, const broker::v1::Message& request,
                         std::vector<UniqueFd>& descriptors) {
  broker::v1::Message answer;
  answer.set_number(request.number());
  Status status;
  UniqueFd shared;
  if (request.has_mount()) {
    status = MountVolume(request.mount(), descriptors.empty() ? UniqueFd() : std::move(descriptors.front()));
    if (request.mount().resume()) ResumedOne();
  } else if (request.has_unmount()) {
    status = mounts_.Remove(request.unmount().volume_id());
    prewarmer_.OnUnmounted(request.unmount().volume_id());
  } else if (request.has_lease_tree()) {
    auto tree = LeaseTree(request.lease_tree().volume_id(), descriptors, answer.mutable_result()->mutable_tree());
    status = tree.status();
    if (tree.ok()) shared = *std::move(tree);
  } else {
    status = Unimplemented("broker message {} is not known to this daemon", static_cast<int>(request.body_case()));
  }
  Reply(*connection, status, std::move(answer), shared);
}

void BrokerClient::Reply(MessageSocket& connection, const Status& status, broker::v1::Message answer,
                         const UniqueFd& shared) {
  answer.mutable_result()->set_code(static_cast<int>(status.code()));
  answer.mutable_result()->set_message(std::string(Message(status)));
  const int shared_fd = shared.get();
  const std::span<const int> given(&shared_fd, shared.valid() ? 1 : 0);
  if (const Status sent = connection.Send(answer.SerializeAsString(), given); !sent.ok()) {
    spdlog::warn("{}", Message(sent));
  }
}

}  // namespace sluice::daemon

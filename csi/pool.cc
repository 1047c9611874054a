#include "csi/pool.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "csi/mount_table.h"
#include "csi/native_tree.h"

namespace sluice::csi {

StatusOr<std::unique_ptr<Pool>> Pool::Start(PoolOptions options) {
  ASSIGN_OR_RETURN(std::unique_ptr<StagedVolumes> staged,
                   StagedVolumes::Open(fmt::format("{}/staged/{}", options.state_directory, options.name),
                                       fmt::format("{}/{}", options.run_directory, options.name)));
  ASSIGN_OR_RETURN(std::unique_ptr<ChangedParameters> changed_parameters,
                   ChangedParameters::Open(fmt::format("{}/changed/{}", options.state_directory, options.name)));
  std::unique_ptr<Pool> pool(new Pool(std::move(options), std::move(staged), std::move(changed_parameters)));
  // What a daemon that is there already was told; the same when there is none.
  auto told = LoadPoolConfigs(pool->ConfigFile(), pool->options_.state_directory);
  pool->found_configs_ = told.ok() && told->contains(pool->name_) ? *std::move(told) : pool->configs_;
  RETURN_IF_ERROR(pool->Apply(pool->configs_));
  RETURN_IF_ERROR(pool->ForgetUnmounted());
  pool->supervisor_ = std::thread([raw = pool.get()] { raw->Supervise(); });
  return pool;
}

Pool::Pool(PoolOptions options, std::unique_ptr<StagedVolumes> staged,
           std::unique_ptr<ChangedParameters> changed_parameters)
    : options_(std::move(options)),
      name_(options_.name),
      uid_(static_cast<uid_t>(options_.configs.at(name_).uid)),
      gid_(static_cast<gid_t>(options_.configs.at(name_).gid)),
      is_attached_(options_.configs.at(name_).attached.has_value()),
      staged_(std::move(staged)),
      changed_parameters_(std::move(changed_parameters)),
      configs_(options_.configs),
      program_({options_.daemon_program, nullptr}) {
  messages_.SetRate(kMessagesPerSecondMax, Clock::System().Now());
  complaints_.SetRate(kComplaintsPerSecondMax, Clock::System().Now());
  changes_.SetRate(kChangesPerSecondMax, Clock::System().Now());
}

PoolConfig Pool::config() const {
  const std::lock_guard lock(mutex_);
  return configs_.at(name_);
}

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (socket_ != nullptr) socket_->Shutdown();
  }
  changed_.notify_all();
  if (supervisor_.joinable()) supervisor_.join();
}

namespace {

bool IsFuseDevice(int fd) {
  const dev_t fuse = makedev(10, 229);  // Documentation/admin-guide/devices.txt of the kernel
  struct stat st{};
  return ::fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == fuse;
}

}  // namespace

// Of what was mounted in an earlier boot of the node, nothing is left.
Status Pool::ForgetUnmounted() {
  for (const std::string& id : staged_->Ids()) {
    const broker::v1::StagedVolume& staged = *staged_->Find(id);
    std::vector<std::string> paths = {staged.staging_path()};
    for (const auto& published : staged.published()) paths.push_back(published.path());
    const bool is_mounted = std::ranges::any_of(paths, [](const std::string& path) {
      const auto mount = FindMount(path);
      return !mount.ok() || mount->has_value();
    });
    if (!is_mounted) RETURN_IF_ERROR(staged_->Remove(id));
  }
  return absl::OkStatus();
}

void Pool::ReceiveLoop(MessageSocket& socket) {
  bool asked = false;  // whether it lives
  for (;;) {
    auto received = socket.Receive();
    if (received.status().code() == StatusCode::kDeadlineExceeded && ready()) {
      hangs_ = asked || !AskWhetherItLives(socket).ok();
      if (hangs_) break;
      asked = true;
      continue;
    }
    asked = false;
    const Instant now = Clock::System().Now();
    std::this_thread::sleep_for(messages_.Delay(now));
    messages_.Spend(1, now);
    broker::v1::Message message;
    if (!received.ok() || !message.ParseFromString(received->bytes)) break;
    if (!OnMessage(socket, message, received->descriptors)) break;
  }
  const std::lock_guard lock(mutex_);
  socket_ = nullptr;
  last_failure_ = "its connection has ended";
  if (!stop_) GiveUpRings();
  changed_.notify_all();
}

Status Pool::AskWhetherItLives(MessageSocket& socket) {
  broker::v1::Message request;
  request.mutable_ping();
  {
    const std::lock_guard lock(mutex_);
    request.set_number(next_number_++);
  }
  return socket.Send(request.SerializeAsString());
}

// What a dead daemon had on its rings no other can answer: its readers get an error rather than wait for ever.
// REQUIRES: mutex_ is held.
void Pool::GiveUpRings() {
  std::erase_if(volumes_, [this](const auto& entry) {
    if (!entry.second.spec.ring()) return false;
    spdlog::error("pool {}: volume {} has 'transport: ring' and is lost with its daemon: its readers get an error",
                  name(), entry.first);
    return true;
  });
}

bool Pool::OnMessage(MessageSocket& socket, const broker::v1::Message& message, std::span<UniqueFd> descriptors) {
  if (message.has_held()) {
    Adopt(message.held(), descriptors);
  } else if (message.has_hello()) {
    if (message.hello().protocol_version() != kProtocolVersion) {
      spdlog::error("pool {}: sluiced {} speaks version {} of the broker protocol, this plugin {}", name(),
                    message.hello().daemon_version(), message.hello().protocol_version(), kProtocolVersion);
      return false;
    }
    // Half of the time it may be silent unasked.
    socket.SetReceiveDeadline(config().answer_deadline / 2);
    Resume(socket, message.hello());
    options_.on_lost();
  } else if (message.has_result()) {
    const std::lock_guard lock(mutex_);
    if (const auto found = pending_.find(message.number()); found != pending_.end()) {
      found->second = Answer{message.result(), descriptors.size() == 1 ? std::move(descriptors[0]) : UniqueFd()};
    }
    if (const auto found = mounting_.find(message.number()); found != mounting_.end()) {
      OnMountAnswered(found->second, message.result());
      mounting_.erase(found);
    }
    if (resuming_.erase(message.number()) > 0 && resuming_.empty()) OnAllResumed();
    changed_.notify_all();
  } else if (message.has_open_backing()) {
    const auto id = OpenBacking(message.open_backing(), descriptors);
    broker::v1::Message answer;
    answer.set_number(message.number());
    answer.mutable_backing()->set_id(id.ok() ? *id : 0);
    answer.mutable_backing()->set_code(static_cast<int>(id.status().code()));
    answer.mutable_backing()->set_message(std::string(Message(id.status())));
    if (const Status sent = socket.Send(answer.SerializeAsString()); !sent.ok()) spdlog::warn("{}", Message(sent));
  } else if (message.has_change_volume()) {
    broker::v1::Message answer;
    answer.set_number(message.number());
    *answer.mutable_changed_volume() = ChangeVolume(message.change_volume());
    if (const Status sent = socket.Send(answer.SerializeAsString()); !sent.ok()) spdlog::warn("{}", Message(sent));
  } else if (message.has_close_backing()) {
    const std::lock_guard lock(mutex_);
    const auto found = volumes_.find(message.close_backing().volume_id());
    if (found != volumes_.end()) {
      found->second.backings.Close(found->second.fuse_fd.get(), message.close_backing().inode());
    }
  }
  return true;
}

void Pool::Complain(std::string_view what) {
  const Instant now = Clock::System().Now();
  if (complaints_.Delay(now) > Duration(0)) return;
  complaints_.Spend(1, now);
  spdlog::error("pool {}: {}", name(), what);
}

StatusOr<int32_t> Pool::OpenBacking(const broker::v1::OpenBacking& request, std::span<const UniqueFd> descriptors) {
  if (descriptors.size() != 1) return InvalidArgument("OpenBacking with {} descriptors", descriptors.size());
  const std::lock_guard lock(mutex_);
  const auto found = volumes_.find(request.volume_id());
  if (found == volumes_.end()) return NotFound("no volume {}", request.volume_id());
  auto id = found->second.backings.Open(found->second.fuse_fd.get(), request.inode(), descriptors[0].get(), tiers_);
  if (id.status().code() == StatusCode::kPermissionDenied) {
    Complain(fmt::format("volume {}: the daemon asked for a backing file that it may not have: {}", request.volume_id(),
                         Message(id.status())));
  }
  return id;
}

void Pool::Adopt(const broker::v1::Held& held, std::span<UniqueFd> descriptors) {
  const std::string& id = held.volume().volume_id();
  const std::lock_guard lock(mutex_);
  if (volumes_.contains(id)) {
    held_.insert(id);
    return;
  }
  const broker::v1::StagedVolume* const staged = staged_->Find(id);
  if (staged == nullptr || descriptors.size() != 1 || !IsFuseDevice(descriptors[0].get())) {
    Complain(fmt::format("the daemon serves volume '{}', {}: it is told to forget it", id,
                         staged == nullptr ? "which nobody has staged" : "but not over /dev/fuse"));
    if (strangers_.size() < kStrangersMax) strangers_.insert(id);
    return;
  }
  // What the volume is says the plugin's own record; the daemon could say anything.
  Volume& volume = volumes_[id];
  volume.spec = staged->volume();
  *volume.spec.mutable_credentials() = held.volume().credentials();
  volume.staging_path = staged->staging_path();
  volume.fuse_fd = std::move(descriptors[0]);
  volume.fuse_init = held.fuse_init();
  volume.established = true;
  volume.backings.Adopt({held.backings().begin(), held.backings().end()});
  held_.insert(id);
  spdlog::info("pool {}: volume {} is served by the daemon that there was", name(), id);
}

void Pool::Resume(MessageSocket& socket, const broker::v1::Hello& hello) {
  const std::lock_guard lock(mutex_);
  daemon_version_ = hello.daemon_version();
  if (was_found_ && ReplaceFound()) {
    EndDaemon(socket);
    return;
  }
  socket_ = &socket;
  ++generation_;
  last_failure_.clear();
  mounting_.clear();
  resuming_.clear();
  for (const auto& [id, volume] : volumes_) {
    if (!volume.established || held_.contains(id)) continue;
    broker::v1::Message request;
    request.set_number(next_number_++);
    mounting_[request.number()] = id;
    resuming_.insert(request.number());
    *request.mutable_mount()->mutable_volume() = volume.spec;
    request.mutable_mount()->set_fuse_init(volume.fuse_init);
    request.mutable_mount()->set_resume(true);
    request.mutable_mount()->mutable_backings()->insert(volume.backings.ids().begin(), volume.backings.ids().end());
    const int descriptor = volume.fuse_fd.get();
    if (const Status sent = socket.Send(request.SerializeAsString(), {&descriptor, 1}); !sent.ok()) {
      spdlog::warn("pool {}: volume {}: {}", name(), id, Message(sent));
    }
  }
  for (const std::string& id : strangers_) {
    broker::v1::Message request;
    request.set_number(next_number_++);
    request.mutable_unmount()->set_volume_id(id);
    if (const Status sent = socket.Send(request.SerializeAsString()); !sent.ok()) spdlog::warn("{}", Message(sent));
  }
  if (const Status sent = SendResumed(socket); !sent.ok()) {
    spdlog::error("pool {}: {}: nothing is evicted until the daemon starts again", name(), Message(sent));
  }
  if (resuming_.empty()) OnAllResumed();
  changed_.notify_all();
}

// REQUIRES: mutex_ is held.
Status Pool::SendResumed(MessageSocket& socket) {
  // What is mounted, and what a call is about to mount.
  ASSIGN_OR_RETURN(std::set<std::string> trees, NativeTree::Mounted());
  trees.insert(leased_.begin(), leased_.end());
  broker::v1::Message resumed;
  resumed.mutable_resumed()->mutable_mounted_trees()->Add(trees.begin(), trees.end());
  return socket.Send(resumed.SerializeAsString());
}

// A volume is established from here on, in the order of the daemon's own messages: a daemon that dies right after its
// answer has answered FUSE_INIT, and its successor is told to go on.
// REQUIRES: mutex_ is held.
void Pool::OnMountAnswered(const std::string& volume_id, const broker::v1::Result& result) {
  const auto found = volumes_.find(volume_id);
  if (found == volumes_.end()) return;
  if (result.code() == 0) {
    found->second.established = true;
    return;
  }
  if (found->second.established && replacement_ && replacement_->phase == Replacement::Phase::kStarting) {
    FailReplacement(fmt::format("it cannot serve volume {}: {}", volume_id, result.message()));
    return;
  }
  if (found->second.established) {
    spdlog::error("pool {}: volume {} cannot be served again: {}; its readers get an error", name(), volume_id,
                  result.message());
    options_.on_lost();
  }
  volumes_.erase(found);
}

uint64_t Pool::Generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

void Pool::GiveUpConnections() {
  for (auto& [id, volume] : volumes_) {
    spdlog::error("pool {}: no daemon for {} minutes: volume {} is given up, its readers get an error", name(),
                  kAbortAfter / std::chrono::minutes(1), id);
  }
  volumes_.clear();  // the last descriptor goes: the kernel ends the connections
}

bool Pool::ready() const {
  const std::lock_guard lock(mutex_);
  return socket_ != nullptr;
}

bool Pool::WaitReady(Duration deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, deadline, [this] { return socket_ != nullptr; });
}

std::string Pool::last_failure() const {
  const std::lock_guard lock(mutex_);
  return socket_ != nullptr ? "" : last_failure_;
}

}  // namespace sluice::csi

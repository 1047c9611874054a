#include "csi/node_service.h"

#include <spdlog/spdlog.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <functional>
#include <future>
#include <thread>

#include "csi/call.h"
#include "csi/capabilities.h"
#include "csi/mount_table.h"
#include "csi/native_tree.h"

namespace sluice::csi {
namespace {

namespace v1 = ::csi::v1;

StringMap ToMap(const google::protobuf::Map<std::string, std::string>& map) { return {map.begin(), map.end()}; }

bool IsFuse(const MountInfo& mount) { return Staging::IsFuse(mount); }
bool IsNative(const MountInfo& mount) { return !NativeTree::NameOf(mount).empty(); }
bool IsOurs(const MountInfo& mount) { return IsFuse(mount) || IsNative(mount); }

// Whether what is published is what the volume staged at `staged` would show.
bool Shows(const MountInfo& published, const MountInfo& staged, const std::string& sub_path) {
  if (IsNative(published)) return NativeTree::SubPathOf(published) == sub_path;
  return published.device == staged.device && published.root == (sub_path.empty() ? "/" : "/" + sub_path);
}

Status Require(const std::string& value, std::string_view call, std::string_view field) {
  if (!value.empty()) return absl::OkStatus();
  return InvalidArgument("{}: '{}' is missing", call, field);
}

Status TurnTimedOut(const std::string& volume_id) {
  return Aborted("another call for volume {} is still under way; try again", volume_id);
}

// Runs a call that may hang on a volume whose daemon is away. At the deadline nullopt; its thread ends when the volume
// answers or is unmounted.
template <typename Result>
std::optional<Result> RunWithin(Duration deadline, std::function<Result()> call) {
  auto promise = std::make_shared<std::promise<Result>>();
  auto future = promise->get_future();
  std::thread([promise, call = std::move(call)] { promise->set_value(call()); }).detach();
  if (future.wait_for(deadline) != std::future_status::ready) return std::nullopt;
  return future.get();
}

StatusOr<struct statvfs> StatVolume(const std::string& path) {
  struct statvfs fs{};
  if (::statvfs(path.c_str(), &fs) != 0) return ErrnoStatus(errno, path);
  return fs;
}

void AddUsage(const struct statvfs& fs, v1::NodeGetVolumeStatsResponse* reply) {
  v1::VolumeUsage* bytes = reply->add_usage();
  bytes->set_unit(v1::VolumeUsage::BYTES);
  bytes->set_total(static_cast<int64_t>(fs.f_blocks * fs.f_frsize));
  bytes->set_used(bytes->total());
  v1::VolumeUsage* inodes = reply->add_usage();
  inodes->set_unit(v1::VolumeUsage::INODES);
  inodes->set_total(static_cast<int64_t>(fs.f_files));
  inodes->set_used(inodes->total());
}

}  // namespace

StatusOr<bool> NodeService::IsStaged(const std::string& path, const broker::v1::VolumeSpec& spec,
                                     const StringMap& secret) {
  ASSIGN_OR_RETURN(const auto mount, FindMount(path));
  Pool* const pool = pools_.Serving(spec.volume_id());
  if (mount && !IsFuse(*mount)) {
    return FailedPrecondition("the staging path {} is already a mount of type {} ({})", path, mount->type,
                              mount->source);
  }
  if (mount && pool != nullptr) {
    ASSIGN_OR_RETURN(const bool shows, pool->Shows(spec, secret));
    if (shows) return true;
    return AlreadyExists("volume {} is staged with other parameters; unstage it first", spec.volume_id());
  }
  // Half of an earlier try, or what a plugin that died has left.
  if (mount) {
    spdlog::info("{} has a sluice mount that nobody serves; it is mounted anew", path);
    RETURN_IF_ERROR(mounter_.Unmount(path));
  }
  if (pool != nullptr) RETURN_IF_ERROR(pool->Unmount(spec.volume_id()));
  return false;
}

Status NodeService::Stage(const v1::NodeStageVolumeRequest& request) {
  RETURN_IF_ERROR(Require(request.volume_id(), "NodeStageVolume", "volume_id"));
  RETURN_IF_ERROR(Require(request.staging_target_path(), "NodeStageVolume", "staging_target_path"));
  if (!request.has_volume_capability()) return InvalidArgument("NodeStageVolume: 'volume_capability' is missing");
  RETURN_IF_ERROR(CheckCapability(request.volume_capability()));
  ASSIGN_OR_RETURN(const VolumeParameters parameters,
                   ParseVolumeParameters(request.volume_id(), ToMap(request.volume_context())));
  const StringMap secret = ToMap(request.secrets());
  ASSIGN_OR_RETURN(Pool* const pool, pools_.Find(parameters.pool));
  const KeyedLock::Holder turn(turns_, request.volume_id(), kTurnDeadline);
  if (!turn.held()) return TurnTimedOut(request.volume_id());
  if (!pool->WaitReady(kReadyDeadline)) {
    return Unavailable("pool {} has no daemon: {}", parameters.pool, pool->last_failure());
  }
  ASSIGN_OR_RETURN(const bool staged, IsStaged(request.staging_target_path(), parameters.spec, secret));
  if (staged) return absl::OkStatus();
  ASSIGN_OR_RETURN(const broker::v1::VolumeSpec spec, pool->SpecFor(parameters.spec, secret));
  RETURN_IF_ERROR(staging_.Mount(request.staging_target_path(), spec, *pool));
  RETURN_IF_ERROR(pool->TakeSecret(request.volume_id(), secret));
  ASSIGN_OR_RETURN(const bool shows, pool->Shows(parameters.spec, secret));
  if (shows) return absl::OkStatus();
  RETURN_IF_ERROR(pool->Unmount(request.volume_id()));  // the next try clears the mount away
  return Aborted("volume {} was given other parameters while it was being mounted; try again", request.volume_id());
}

grpc::Status NodeService::NodeStageVolume(grpc::ServerContext*, const v1::NodeStageVolumeRequest* request,
                                          v1::NodeStageVolumeResponse*) {
  return Call("NodeStageVolume", request->volume_id(), [&] { return Stage(*request); });
}

Status NodeService::Unstage(const v1::NodeUnstageVolumeRequest& request) {
  RETURN_IF_ERROR(Require(request.volume_id(), "NodeUnstageVolume", "volume_id"));
  RETURN_IF_ERROR(Require(request.staging_target_path(), "NodeUnstageVolume", "staging_target_path"));
  const KeyedLock::Holder turn(turns_, request.volume_id(), kTurnDeadline);
  if (!turn.held()) return TurnTimedOut(request.volume_id());
  RETURN_IF_ERROR(mounter_.Unmount(request.staging_target_path()));
  Pool* const pool = pools_.Serving(request.volume_id());
  if (pool != nullptr) RETURN_IF_ERROR(pool->Unmount(request.volume_id()));
  Pool* const recording = pools_.Recording(request.volume_id());
  return recording != nullptr ? recording->Forget(request.volume_id()) : absl::OkStatus();
}

grpc::Status NodeService::NodeUnstageVolume(grpc::ServerContext*, const v1::NodeUnstageVolumeRequest* request,
                                            v1::NodeUnstageVolumeResponse*) {
  return Call("NodeUnstageVolume", request->volume_id(), [&] { return Unstage(*request); });
}

StatusOr<Effect> NodeService::Publish(const v1::NodePublishVolumeRequest& request) {
  RETURN_IF_ERROR(Require(request.volume_id(), "NodePublishVolume", "volume_id"));
  RETURN_IF_ERROR(Require(request.target_path(), "NodePublishVolume", "target_path"));
  if (!request.has_volume_capability()) return InvalidArgument("NodePublishVolume: 'volume_capability' is missing");
  RETURN_IF_ERROR(CheckCapability(request.volume_capability()));
  if (const StringMap context = ToMap(request.volume_context()); DaemonVolumes::IsAskedFor(context)) {
    const KeyedLock::Holder turn(turns_, request.volume_id(), kTurnDeadline);
    if (!turn.held()) return TurnTimedOut(request.volume_id());
    return daemon_volumes_.Publish(request.target_path(), context, request.readonly());
  }
  if (request.staging_target_path().empty()) {
    return FailedPrecondition("NodePublishVolume: 'staging_target_path' is missing; the volume must be staged first");
  }
  return PublishStaged(request);
}

// The kubelet calls it again for what is published (`requiresRepublish`), with the Secret as it is now.
StatusOr<Effect> NodeService::PublishStaged(const v1::NodePublishVolumeRequest& request) {
  ASSIGN_OR_RETURN(const VolumeParameters parameters,
                   ParseVolumeParameters(request.volume_id(), ToMap(request.volume_context())));
  ASSIGN_OR_RETURN(Mounter::BindOptions options, ParseMountFlags(request.volume_capability()));
  options.sub_path = parameters.sub_path;
  const KeyedLock::Holder turn(turns_, request.volume_id(), kTurnDeadline);
  if (!turn.held()) return TurnTimedOut(request.volume_id());
  ASSIGN_OR_RETURN(const auto staged, FindMount(request.staging_target_path()));
  Pool* const pool = pools_.Serving(request.volume_id());
  if (!staged || !IsFuse(*staged) || pool == nullptr) {
    return FailedPrecondition("volume {} is not staged at {}", request.volume_id(), request.staging_target_path());
  }
  if (!request.secrets().empty()) {
    RETURN_IF_ERROR(pool->TakeSecret(request.volume_id(), ToMap(request.secrets())));
  }
  ASSIGN_OR_RETURN(const auto published, FindMount(request.target_path()));
  if (published) {
    if (Shows(*published, *staged, options.sub_path)) return Effect::kNone;
    if (!IsOurs(*published)) {
      return FailedPrecondition("the target path {} is already a mount of type {}", request.target_path(),
                                published->type);
    }
    RETURN_IF_ERROR(mounter_.Unmount(request.target_path()));  // of an earlier life of the volume
  }
  return EffectOf(MountAt(request, pool->SpecOf(request.volume_id()).value_or(parameters.spec), options, *pool));
}

// At its target path, natively or as it is staged.
Status NodeService::MountAt(const v1::NodePublishVolumeRequest& request, const broker::v1::VolumeSpec& spec,
                            const Mounter::BindOptions& options, Pool& pool) {
  RETURN_IF_ERROR(mounter_.MakeDirectory(request.target_path()));
  // First: whatever happens from here on, the path shows the volume again when it is mounted anew.
  broker::v1::PublishedPath record;
  record.set_path(request.target_path());
  record.set_sub_path(options.sub_path);
  record.set_no_exec(options.no_exec);
  record.set_no_atime(options.no_atime);
  RETURN_IF_ERROR(pool.AddPublished(request.volume_id(), record));
  const Status native = PublishNatively(spec, request.target_path(), options, pool);
  if (native.ok() || spec.access() == "native") return native;
  // A subPath is looked up in the volume, and waits for its daemon.
  const auto bound =
      RunWithin<Status>(kVolumeDeadline, [this, staged = request.staging_target_path(), target = request.target_path(),
                                          options] { return mounter_.Bind(staged, target, options); });
  return bound.value_or(DeadlineExceeded("volume {} does not answer", request.volume_id()));
}

Status NodeService::PublishNatively(const broker::v1::VolumeSpec& spec, const std::string& target,
                                    const Mounter::BindOptions& options, Pool& pool) {
  if (spec.consistency() != "immutable" || (spec.access() != "auto" && spec.access() != "native")) {
    return FailedPrecondition("the volume's parameters do not allow it");
  }
  const auto leased = pool.LeaseTree(spec.volume_id());
  if (!leased.ok()) {
    spdlog::info("volume {} is not published natively: {}", spec.volume_id(), Message(leased.status()));
    return leased.status();
  }
  const Pool::Tree& tree = *leased;
  const Status status = MountTree(tree, pool, spec, target, options);
  if (!status.ok()) {
    spdlog::error("volume {} cannot be published natively: {}", spec.volume_id(), Message(status));
    ReleaseUnmounted(tree.name);
  }
  return status;
}

Status NodeService::MountTree(const Pool::Tree& tree, const Pool& pool, const broker::v1::VolumeSpec& spec,
                              const std::string& target, const Mounter::BindOptions& options) {
  const PoolConfig config = pool.config();
  const Owners owners{static_cast<uid_t>(config.uid), static_cast<gid_t>(config.gid), spec.uid(), spec.gid()};
  RETURN_IF_ERROR(NativeTree::Check(tree.root.get(), owners.daemon_uid));
  ASSIGN_OR_RETURN(const UniqueFd owner_map, owner_maps_.Make(owners));
  ASSIGN_OR_RETURN(const UniqueFd directory, mounter_.Open(target));
  return NativeTree::Mount(tree.root.get(), directory.get(), owner_map.get(), options);
}

// Lets a tree go that is mounted nowhere any more.
void NodeService::ReleaseUnmounted(const std::string& tree) {
  const auto mounted = NativeTree::Mounted();
  if (mounted.ok() && !mounted->contains(tree)) pools_.ReleaseTree(tree);
}

grpc::Status NodeService::NodePublishVolume(grpc::ServerContext*, const v1::NodePublishVolumeRequest* request,
                                            v1::NodePublishVolumeResponse*) {
  return Call("NodePublishVolume", request->volume_id(), [&] { return Publish(*request); });
}

Status NodeService::Unpublish(const v1::NodeUnpublishVolumeRequest& request) {
  RETURN_IF_ERROR(Require(request.volume_id(), "NodeUnpublishVolume", "volume_id"));
  RETURN_IF_ERROR(Require(request.target_path(), "NodeUnpublishVolume", "target_path"));
  const KeyedLock::Holder turn(turns_, request.volume_id(), kTurnDeadline);
  if (!turn.held()) return TurnTimedOut(request.volume_id());
  ASSIGN_OR_RETURN(const auto published, FindMount(request.target_path()));
  if (Pool* const pool = pools_.Recording(request.volume_id()); pool != nullptr) {
    RETURN_IF_ERROR(pool->RemovePublished(request.volume_id(), request.target_path()));
  }
  RETURN_IF_ERROR(mounter_.UnmountAndRemove(request.target_path()));
  if (published && IsNative(*published)) ReleaseUnmounted(NativeTree::NameOf(*published));
  return absl::OkStatus();
}

grpc::Status NodeService::NodeUnpublishVolume(grpc::ServerContext*, const v1::NodeUnpublishVolumeRequest* request,
                                              v1::NodeUnpublishVolumeResponse*) {
  return Call("NodeUnpublishVolume", request->volume_id(), [&] { return Unpublish(*request); });
}

Status NodeService::GetStats(const v1::NodeGetVolumeStatsRequest& request, v1::NodeGetVolumeStatsResponse* reply) {
  RETURN_IF_ERROR(Require(request.volume_id(), "NodeGetVolumeStats", "volume_id"));
  RETURN_IF_ERROR(Require(request.volume_path(), "NodeGetVolumeStats", "volume_path"));
  ASSIGN_OR_RETURN(const auto mount, FindMount(request.volume_path()));
  const Pool* const pool = pools_.Serving(request.volume_id());
  if (mount && !IsOurs(*mount) && daemon_volumes_.IsAt(request.volume_path())) {
    ASSIGN_OR_RETURN(const struct statvfs fs, StatVolume(request.volume_path()));
    AddUsage(fs, reply);
    reply->mutable_volume_condition()->set_message("a directory of a pool, for its daemon");
    return absl::OkStatus();
  }
  if (!mount || !IsOurs(*mount))
    return NotFound("volume {} is not mounted at {}", request.volume_id(), request.volume_path());
  // A tree's file system is the whole tier's: the volume's own numbers come from where it is staged.
  const std::string measured =
      pool == nullptr || !IsNative(*mount) ? request.volume_path() : pool->StagingPathOf(request.volume_id());
  StatusOr<struct statvfs> fs = Unavailable("no daemon serves it");
  if (pool != nullptr) {
    fs = RunWithin<StatusOr<struct statvfs>>(kVolumeDeadline, [measured] {
           return StatVolume(measured);
         }).value_or(DeadlineExceeded("no answer within {} s", kVolumeDeadline / std::chrono::seconds(1)));
  }
  if (fs.ok()) AddUsage(*fs, reply);
  v1::VolumeCondition* condition = reply->mutable_volume_condition();
  if (IsNative(*mount)) {
    condition->set_message("published natively from the node cache: no daemon is needed to read it");
    return absl::OkStatus();
  }
  condition->set_abnormal(!fs.ok() || pool == nullptr || !pool->ready());
  if (pool == nullptr) {
    condition->set_message(pools_.Recording(request.volume_id()) != nullptr
                               ? "the volume was lost with its daemon and is being mounted anew; a container that is "
                                 "started again gets it"
                               : "no daemon serves this mount; a pod that is started again gets a new one");
  } else if (!pool->ready()) {
    condition->set_message(fmt::format("the cache daemon is being restarted: {}", pool->last_failure()));
  } else {
    condition->set_message(fs.ok() ? "served" : fmt::format("the volume does not answer: {}", Message(fs.status())));
  }
  return absl::OkStatus();
}

grpc::Status NodeService::NodeGetVolumeStats(grpc::ServerContext*, const v1::NodeGetVolumeStatsRequest* request,
                                             v1::NodeGetVolumeStatsResponse* reply) {
  return Call("NodeGetVolumeStats", request->volume_id(), [&] { return GetStats(*request, reply); });
}

grpc::Status NodeService::NodeGetCapabilities(grpc::ServerContext*, const v1::NodeGetCapabilitiesRequest*,
                                              v1::NodeGetCapabilitiesResponse* reply) {
  using Rpc = v1::NodeServiceCapability::RPC;
  for (const auto type : {Rpc::STAGE_UNSTAGE_VOLUME, Rpc::GET_VOLUME_STATS, Rpc::VOLUME_CONDITION}) {
    reply->add_capabilities()->mutable_rpc()->set_type(type);
  }
  return grpc::Status::OK;
}

grpc::Status NodeService::NodeGetInfo(grpc::ServerContext*, const v1::NodeGetInfoRequest*,
                                      v1::NodeGetInfoResponse* reply) {
  reply->set_node_id(node_id_);
  reply->set_max_volumes_per_node(kVolumesMax);
  return grpc::Status::OK;
}

}  // namespace sluice::csi

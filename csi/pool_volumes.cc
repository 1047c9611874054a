// Pool: what is asked of the daemon, and the volumes it serves.
#include <fcntl.h>
#include <spdlog/spdlog.h>

#include "csi/native_tree.h"
#include "csi/pool.h"

namespace sluice::csi {

Status Pool::StatusOf(const StatusOr<Answer>& answer) {
  if (!answer.ok()) return answer.status();
  if (answer->result.code() == 0) return absl::OkStatus();
  return MakeStatus(static_cast<StatusCode>(answer->result.code()), answer->result.message());
}

StatusOr<Pool::Answer> Pool::Ask(broker::v1::Message request, std::span<const int> descriptors, Duration deadline) {
  std::unique_lock lock(mutex_);
  if (socket_ == nullptr) return Unavailable("pool {}: no daemon: {}", name(), last_failure_);
  const uint64_t number = next_number_++;
  const uint64_t generation = generation_;
  request.set_number(number);
  pending_[number] = std::nullopt;
  if (request.has_mount()) mounting_[number] = request.mount().volume().volume_id();
  Status status = socket_->Send(request.SerializeAsString(), descriptors);
  const auto answered = [&] { return pending_[number].has_value() || socket_ == nullptr || generation_ != generation; };
  if (status.ok() && !changed_.wait_for(lock, deadline, answered)) {
    status =
        DeadlineExceeded("pool {}: the daemon did not answer within {} s", name(), deadline / std::chrono::seconds(1));
  }
  std::optional<Answer> answer = std::move(pending_[number]);
  pending_.erase(number);
  if (answer) return *std::move(answer);
  if (!status.ok()) return status;
  return Unavailable("pool {}: the daemon ended over the request", name());
}

Status Pool::Mount(const broker::v1::VolumeSpec& spec, FuseMount mount, const std::string& staging_path,
                   bool restored) {
  broker::v1::Message request;
  request.mutable_mount()->set_restored(restored);
  *request.mutable_mount()->mutable_volume() = spec;
  request.mutable_mount()->set_fuse_init(mount.fuse_init);
  const int descriptor = mount.fd.get();
  {
    const std::lock_guard lock(mutex_);
    Volume& volume = volumes_[spec.volume_id()];
    volume.spec = spec;
    volume.staging_path = staging_path;
    volume.fuse_fd = std::move(mount.fd);
    volume.fuse_init = std::move(mount.fuse_init);
  }
  const Status status = StatusOf(Ask(std::move(request), {&descriptor, 1}, kMountDeadline));
  const std::lock_guard lock(mutex_);
  if (!status.ok()) {
    volumes_.erase(spec.volume_id());
    return status;
  }
  // Not `spec`: the daemon may have had it changed since it answered.
  const auto found = volumes_.find(spec.volume_id());
  return found == volumes_.end() ? absl::OkStatus() : staged_->Put(found->second.spec, staging_path);
}

Status Pool::Unmount(const std::string& volume_id) {
  {
    const std::lock_guard lock(mutex_);
    volumes_.erase(volume_id);
    if (socket_ == nullptr) return absl::OkStatus();  // the next daemon will not hear of it
  }
  broker::v1::Message request;
  request.mutable_unmount()->set_volume_id(volume_id);
  const auto answer = Ask(std::move(request), {}, kMountDeadline);
  // A daemon that dies over it has forgotten the volume, too.
  if (!answer.ok() && answer.status().code() != StatusCode::kUnavailable) return answer.status();
  return absl::OkStatus();
}

StatusOr<Pool::Tree> Pool::LeaseTree(const std::string& volume_id) {
  broker::v1::Message request;
  request.mutable_lease_tree()->set_volume_id(volume_id);
  // The daemon may live in another mount namespace, whose mounts cannot be cloned into this one.
  std::vector<UniqueFd> directories;
  std::vector<int> descriptors;
  for (const TierConfig& tier : config().tiers) {
    UniqueFd fd(::open(tier.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) continue;
    descriptors.push_back(fd.get());
    directories.push_back(std::move(fd));
  }
  auto answer = Ask(std::move(request), descriptors, kLeaseDeadline);
  RETURN_IF_ERROR(StatusOf(answer));
  if (!answer->descriptor.valid() || !NativeTree::IsName(answer->result.tree())) {
    return Internal("pool {}: the daemon's lease of a tree has no directory, or no name", name());
  }
  const std::lock_guard lock(mutex_);
  leased_.insert(answer->result.tree());
  return Tree{answer->result.tree(), std::move(answer->descriptor)};
}

void Pool::ReleaseTree(const std::string& name) {
  broker::v1::Message request;
  request.mutable_release_tree()->set_tree(name);
  const std::lock_guard lock(mutex_);
  leased_.erase(name);
  if (socket_ == nullptr) return;  // the next daemon hears what is mounted
  if (const Status sent = socket_->Send(request.SerializeAsString()); !sent.ok()) spdlog::warn("{}", Message(sent));
}

Status Pool::AddPublished(const std::string& volume_id, const broker::v1::PublishedPath& published) {
  const std::lock_guard lock(mutex_);
  return staged_->AddPublished(volume_id, published);
}

Status Pool::RemovePublished(const std::string& volume_id, const std::string& path) {
  const std::lock_guard lock(mutex_);
  return staged_->RemovePublished(volume_id, path);
}

Status Pool::Forget(const std::string& volume_id) {
  const std::lock_guard lock(mutex_);
  return staged_->Remove(volume_id);
}

std::optional<broker::v1::StagedVolume> Pool::RecordOf(const std::string& volume_id) const {
  const std::lock_guard lock(mutex_);
  const broker::v1::StagedVolume* const staged = staged_->Find(volume_id);
  if (staged == nullptr) return std::nullopt;
  return *staged;
}

StatusOr<broker::v1::Credentials> Pool::CredentialsOf(const std::string& volume_id) const {
  const std::lock_guard lock(mutex_);
  return staged_->CredentialsOf(volume_id);
}

std::vector<std::string> Pool::Lost() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  if (socket_ != nullptr) ids = staged_->Ids();
  std::erase_if(ids, [this](const std::string& id) { return volumes_.contains(id); });
  return ids;
}

bool Pool::Lives() {
  broker::v1::Message request;
  request.mutable_ping();
  return StatusOf(Ask(std::move(request), {}, kLivesDeadline)).ok();
}

bool Pool::serves_any() const {
  const std::lock_guard lock(mutex_);
  return !volumes_.empty();
}

bool Pool::Has(const std::string& volume_id) const {
  const std::lock_guard lock(mutex_);
  return volumes_.contains(volume_id);
}

std::optional<broker::v1::VolumeSpec> Pool::SpecOf(const std::string& volume_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = volumes_.find(volume_id);
  if (found == volumes_.end()) return std::nullopt;
  broker::v1::VolumeSpec spec = found->second.spec;
  spec.clear_credentials();
  return spec;
}

std::string Pool::StagingPathOf(const std::string& volume_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = volumes_.find(volume_id);
  return found == volumes_.end() ? "" : found->second.staging_path;
}

}  // namespace sluice::csi

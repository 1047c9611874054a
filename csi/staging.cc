#include "csi/staging.h"

#include <spdlog/spdlog.h>

namespace sluice::csi {
namespace {

// What mount tables show.
std::string SourceName(const broker::v1::VolumeSpec& spec) {
  if (spec.mounts().empty()) return spec.source();
  std::string name = spec.mounts(0).source();
  if (spec.mounts_size() > 1) name += fmt::format(" and {} more", spec.mounts_size() - 1);
  return name;
}

}  // namespace

bool Staging::IsFuse(const MountInfo& mount) { return mount.type == fmt::format("fuse.{}", Mounter::kFuseType); }

Status Staging::Mount(const std::string& path, const broker::v1::VolumeSpec& spec, Pool& pool, bool restored) const {
  if (spec.ring() && !Mounter::KernelHasRing()) {
    return FailedPrecondition(
        "volume parameter 'transport': this node's kernel has no FUSE over io_uring (Linux 6.14), or it is switched "
        "off: write Y to /sys/module/fuse/parameters/enable_uring");
  }
  RETURN_IF_ERROR(mounter_.MakeDirectory(path));
  ASSIGN_OR_RETURN(FuseMount mount, mounter_.MountFuse(path, SourceName(spec)));
  if (const Status status = pool.Mount(spec, std::move(mount), path, restored); !status.ok()) {
    (void)mounter_.Unmount(path);
    return status;
  }
  if (const Status status = mounter_.SetReadAhead(path, kReadAheadBytes); !status.ok()) {
    spdlog::warn("{}; large reads are slower: the kernel asks for 128 KiB at a time", Message(status));
  }
  const auto staged = pool.RecordOf(spec.volume_id());
  return staged ? Republish(*staged, pool) : absl::OkStatus();
}

Status Staging::Restore(const std::string& volume_id, Pool& pool) const {
  auto staged = pool.RecordOf(volume_id);
  if (pool.Has(volume_id) || !staged) return absl::OkStatus();  // somebody was faster
  ASSIGN_OR_RETURN(*staged->mutable_volume()->mutable_credentials(), pool.CredentialsOf(volume_id));
  ASSIGN_OR_RETURN(const auto mount, FindMount(staged->staging_path()));
  if (mount && !IsFuse(*mount)) {
    return FailedPrecondition("the staging path {} is a mount of type {} now", staged->staging_path(), mount->type);
  }
  RETURN_IF_ERROR(mounter_.Unmount(staged->staging_path()));
  RETURN_IF_ERROR(Mount(staged->staging_path(), staged->volume(), pool, /*restored=*/true));
  spdlog::info("volume {} was lost with its daemon: it is mounted anew at {} and for {} pods", volume_id,
               staged->staging_path(), staged->published_size());
  return absl::OkStatus();
}

// What is published natively needs no daemon, and what shows the volume as it is now stays as it is.
Status Staging::Republish(const broker::v1::StagedVolume& staged, Pool& pool) const {
  if (staged.published().empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto served, FindMount(staged.staging_path()));
  if (!served) return Unavailable("{} was unmounted meanwhile", staged.staging_path());
  Status first_error;
  for (const broker::v1::PublishedPath& published : staged.published()) {
    const auto mount = FindMount(published.path());
    if (mount.ok() && *mount && (!IsFuse(**mount) || (*mount)->device == served->device)) continue;
    Status status = mounter_.Unmount(published.path());
    if (status.ok()) {
      status = mounter_.Bind(
          staged.staging_path(), published.path(),
          {.sub_path = published.sub_path(), .no_exec = published.no_exec(), .no_atime = published.no_atime()});
    }
    if (status.ok()) continue;
    spdlog::warn("volume {} cannot be published again at {}: {}", staged.volume().volume_id(), published.path(),
                 Message(status));
    // Its pod has gone while nobody was there.
    if (absl::IsNotFound(status)) status = pool.RemovePublished(staged.volume().volume_id(), published.path());
    if (first_error.ok()) first_error = status;
  }
  return first_error;
}

}  // namespace sluice::csi

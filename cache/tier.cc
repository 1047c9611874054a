#include "cache/tier.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include "common/bytes.h"
#include "common/suggest.h"

namespace sluice::cache {
namespace {

Status MakeDirectory(int parent, const std::string& name, std::string_view shown) {
  if (::mkdirat(parent, name.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  if (errno == EROFS) return FailedPrecondition("the tier {} is on a file system that is mounted read-only", shown);
  return ErrnoStatus(errno, fmt::format("the tier {}: create {}", shown, name));
}

// Files that are made in the directory from now on do not note when they were read, which costs each small read some
// percent, and writes to the disk. A file system that does not know that keeps noting it.
void LeaveAccessTimes(int parent, const std::string& name) {
  const UniqueFd directory(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int flags = 0;
  if (::ioctl(directory.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
  flags |= FS_NOATIME_FL;
  (void)::ioctl(directory.get(), FS_IOC_SETFLAGS, &flags);
}

Labels LabelsOf(const TierOptions& options) {
  return {{"tier", std::string(kMediumNames[static_cast<size_t>(options.medium)])}};
}

}  // namespace

StatusOr<Medium> ParseMedium(std::string_view name) {
  const auto found = std::find(std::begin(kMediumNames), std::end(kMediumNames), name);
  if (found == std::end(kMediumNames)) return InvalidArgument("no tier '{}'{}", name, DidYouMean(name, kMediumNames));
  return static_cast<Medium>(found - std::begin(kMediumNames));
}

Status CheckQuota(const TierOptions& options) {
  struct statvfs fs{};
  if (::statvfs(options.path.c_str(), &fs) != 0) return ErrnoStatus(errno, options.path);
  const uint64_t fs_bytes = uint64_t{fs.f_blocks} * fs.f_frsize;
  if (options.quota_bytes <= fs_bytes) return absl::OkStatus();
  return InvalidArgument("the {} tier's quota of {} is larger than its file system {} ({}); lower 'quota'",
                         kMediumNames[static_cast<size_t>(options.medium)], FormatBytes(options.quota_bytes),
                         options.path, FormatBytes(fs_bytes));
}

StatusOr<std::unique_ptr<Tier>> Tier::Open(TierOptions options, Registry& metrics) {
  const std::string_view medium = kMediumNames[static_cast<size_t>(options.medium)];
  const UniqueFd root(::open(options.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) {
    return ErrnoStatus(
        errno, fmt::format("the {} tier's path {} (create the directory, or correct 'path')", medium, options.path));
  }
  RETURN_IF_ERROR(CheckQuota(options));
  RETURN_IF_ERROR(MakeDirectory(root.get(), "objects", options.path));
  UniqueFd directory(::openat(root.get(), "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus(errno, options.path + "/objects");
  for (int i = 0; i < 256; ++i) {
    const std::string name = fmt::format("{:02x}", i);
    RETURN_IF_ERROR(MakeDirectory(directory.get(), name, options.path));
    LeaveAccessTimes(directory.get(), name);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Policy> policy, MakeEpochAware(options.policy, options.quota_bytes, options.epochs));
  return std::unique_ptr<Tier>(new Tier(std::move(options), std::move(directory), std::move(policy), metrics));
}

Tier::Tier(TierOptions options, UniqueFd directory, std::unique_ptr<Policy> policy, Registry& metrics)
    : Space(options.quota_bytes, {options.high_watermark, options.low_watermark}, std::move(policy)),
      hits(metrics.AddCounter("sluice_cache_hits_total", "Block reads answered from a tier", LabelsOf(options))),
      hit_bytes(
          metrics.AddCounter("sluice_cache_hit_bytes_total", "Bytes of reads answered from a tier", LabelsOf(options))),
      evictions(metrics.AddCounter("sluice_cache_evictions_total", "Blocks evicted from a tier", LabelsOf(options))),
      moves_in(metrics.AddCounter("sluice_cache_moves_total", "Blocks moved into a tier from another one",
                                  LabelsOf(options))),
      written_bytes(
          metrics.AddCounter("sluice_tier_written_bytes_total", "Bytes written to a tier", LabelsOf(options))),
      bad_blocks(metrics.AddCounter("sluice_tier_bad_blocks_total",
                                    "Blocks dropped from a tier because their bytes could not be proven",
                                    LabelsOf(options))),
      changed_files(metrics.AddCounter("sluice_tier_changed_files_total",
                                       "Times that somebody else changed a file of a tier", LabelsOf(options))),
      refused_blocks(metrics.AddCounter("sluice_tier_refused_blocks_total",
                                        "Blocks that a tier's policy did not take in", LabelsOf(options))),
      options_(std::move(options)),
      directory_(std::move(directory)),
      used_gauge_(metrics.AddGauge("sluice_tier_used_bytes", "Bytes that a tier's blocks take", LabelsOf(options_))),
      in_service_gauge_(
          metrics.AddGauge("sluice_tier_in_service", "1 while a tier is used, 0 after it failed", LabelsOf(options_))),
      quota_gauge_(metrics.AddGauge("sluice_tier_quota_bytes",
                                    "Quota of a tier; less than configured when its disk is full", LabelsOf(options_))),
      keeps_gauge_(metrics.AddGauge(
          "sluice_tier_keeps", "1 while a tier keeps what it has, because a dataset larger than it is read in epochs",
          LabelsOf(options_))),
      seals_gauge_(metrics.AddGauge("sluice_tier_seals",
                                    "1 when whole files of a tier are sealed: the kernel proves what it reads of them",
                                    LabelsOf(options_))) {
  in_service_gauge_.Set(1);
  quota_gauge_.Set(static_cast<int64_t>(quota_bytes()));
}

std::string Tier::FileName(const ObjectId& id) {
  const std::string hex = id.Hex();
  return fmt::format("{}/{}", hex.substr(0, 2), hex);
}

bool Tier::Admit(const BlockKey& key, uint64_t bytes, bool has_room) {
  const bool admitted = policy().Admit(key, bytes, has_room);
  if (!admitted) refused_blocks.Add();
  keeps_gauge_.Set(policy().Keeps() ? 1 : 0);
  return admitted;
}

std::unique_ptr<Policy> Tier::MakePolicy(uint64_t capacity_bytes) const {
  return *MakeEpochAware(options_.policy, capacity_bytes, options_.epochs);  // as in Open: the name is known
}

void Tier::OnSealProbe(const Status& probe) {
  seals_ = probe.ok();
  seals_gauge_.Set(seals_ ? 1 : 0);
  if (seals_) {
    spdlog::info("the {} tier {} seals whole files: the kernel proves what it reads of them", name(), options_.path);
  } else {
    spdlog::info("the {} tier {} does not seal files: {}", name(), options_.path, Message(probe));
  }
}

void Tier::Charge(int64_t bytes) {
  Add(bytes);
  used_gauge_.Set(static_cast<int64_t>(used_bytes()));
}

void Tier::ReportFailure(const Status& status) {
  // NOT_FOUND and OUT_OF_RANGE are one file's trouble, INTERNAL this process'; the rest (EIO, EROFS) is the medium's.
  const StatusCode code = status.code();
  if (!in_service() || status.ok() || code == StatusCode::kNotFound || code == StatusCode::kOutOfRange ||
      code == StatusCode::kInternal)
    return;
  if (code == StatusCode::kResourceExhausted) {
    SetQuota(std::min(quota_bytes(), used_bytes() / 10 * 9), watermarks());
    quota_gauge_.Set(static_cast<int64_t>(quota_bytes()));
    spdlog::error(
        "the {} tier {} has no space although its quota has: it makes do with {} until sluiced starts again ({})",
        name(), options_.path, FormatBytes(quota_bytes()), Message(status));
    return;
  }
  failure_ = status;
  in_service_gauge_.Set(0);
  spdlog::error("the {} tier {} is out of service until sluiced starts again: {}", name(), options_.path,
                Message(status));
}

}  // namespace sluice::cache

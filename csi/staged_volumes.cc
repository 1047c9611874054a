#include "csi/staged_volumes.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <linux/magic.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/unique_fd.h"
#include "csi/record_files.h"
#include "csi/secrets.h"

namespace sluice::csi {
namespace {

constexpr uint32_t kFormatVersion = 1;

bool Parse(const std::string& text, broker::v1::StagedVolume* volume) {
  return google::protobuf::util::JsonStringToMessage(text, volume).ok() && volume->version() == kFormatVersion &&
         !volume->volume().volume_id().empty() && volume->staging_path().starts_with('/');
}

// Makes it, for root alone; false when it is not in memory.
bool MakeSecretDirectory(const std::string& path) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  ::mkdir(path.c_str(), 0700);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct statfs fs{};
  struct stat about{};
  return fd.valid() && ::fstatfs(fd.get(), &fs) == 0 && fs.f_type == TMPFS_MAGIC && ::fstat(fd.get(), &about) == 0 &&
         about.st_uid == ::geteuid() && ::fchmod(fd.get(), 0700) == 0;
}

}  // namespace

StatusOr<std::unique_ptr<StagedVolumes>> StagedVolumes::Open(const std::string& directory,
                                                             const std::string& secrets_directory) {
  const bool keeps_secrets = MakeSecretDirectory(secrets_directory);
  if (!keeps_secrets) {
    spdlog::warn(
        "{} is no directory of root's own on a tmpfs (--run-dir): a volume with credentials that is lost with "
        "its daemon and its plugin must be staged again",
        secrets_directory);
  }
  std::unique_ptr<StagedVolumes> staged(new StagedVolumes(directory, keeps_secrets ? secrets_directory : ""));
  RETURN_IF_ERROR(ReadRecords(directory, [&](const std::string& text) {
    broker::v1::StagedVolume volume;
    if (!Parse(text, &volume)) return false;
    staged->volumes_[volume.volume().volume_id()] = std::move(volume);
    return true;
  }));
  return staged;
}

Status StagedVolumes::Write(const broker::v1::StagedVolume& staged) const {
  const auto text = RecordText(staged);
  if (!text) return Internal("volume {} cannot be written as JSON", staged.volume().volume_id());
  return WriteRecord(directory_ + "/" + RecordName(staged.volume().volume_id()), *text);
}

Status StagedVolumes::Put(const broker::v1::VolumeSpec& volume, const std::string& staging_path) {
  broker::v1::StagedVolume& staged = volumes_[volume.volume_id()];
  staged.set_version(kFormatVersion);
  staged.set_staging_path(staging_path);
  *staged.mutable_volume() = volume;
  staged.mutable_volume()->clear_credentials();
  return PutCredentials(volume.volume_id(), volume.credentials());
}

Status StagedVolumes::PutCredentials(const std::string& volume_id, const broker::v1::Credentials& credentials) {
  const auto found = volumes_.find(volume_id);
  if (found == volumes_.end()) return absl::OkStatus();
  broker::v1::StagedVolume& staged = found->second;
  staged.set_has_credentials(HasCredentials(credentials));
  if (staged.has_credentials() && !secrets_directory_.empty()) {
    RETURN_IF_ERROR(WriteRecord(secrets_directory_ + "/" + RecordName(volume_id), credentials.SerializeAsString()));
  }
  return Write(staged);
}

Status StagedVolumes::Remove(const std::string& volume_id) {
  if (volumes_.erase(volume_id) == 0) return absl::OkStatus();
  const std::string name = RecordName(volume_id);
  std::error_code error;
  if (!secrets_directory_.empty()) std::filesystem::remove(secrets_directory_ + "/" + name, error);
  if (!error) std::filesystem::remove(directory_ + "/" + name, error);
  if (error) return Unavailable("the record of volume {} cannot be removed: {}", volume_id, error.message());
  return absl::OkStatus();
}

Status StagedVolumes::AddPublished(const std::string& volume_id, const broker::v1::PublishedPath& published) {
  const auto found = volumes_.find(volume_id);
  if (found == volumes_.end()) return absl::OkStatus();
  auto& all = *found->second.mutable_published();
  const auto same = std::ranges::find(all, published.path(), &broker::v1::PublishedPath::path);
  *(same == all.end() ? all.Add() : &*same) = published;
  return Write(found->second);
}

Status StagedVolumes::RemovePublished(const std::string& volume_id, const std::string& path) {
  const auto found = volumes_.find(volume_id);
  if (found == volumes_.end()) return absl::OkStatus();
  auto& all = *found->second.mutable_published();
  const auto gone = std::ranges::find(all, path, &broker::v1::PublishedPath::path);
  if (gone == all.end()) return absl::OkStatus();
  all.erase(gone);
  return Write(found->second);
}

const broker::v1::StagedVolume* StagedVolumes::Find(const std::string& volume_id) const {
  const auto found = volumes_.find(volume_id);
  return found == volumes_.end() ? nullptr : &found->second;
}

StatusOr<broker::v1::Credentials> StagedVolumes::CredentialsOf(const std::string& volume_id) const {
  broker::v1::Credentials credentials;
  const broker::v1::StagedVolume* const staged = Find(volume_id);
  if (staged == nullptr || !staged->has_credentials()) return credentials;
  const std::string kept =
      secrets_directory_.empty() ? "" : ReadRecord(secrets_directory_ + "/" + RecordName(volume_id));
  if (kept.empty() || !credentials.ParseFromString(kept)) {
    return NotFound("the credentials of volume {} are not kept: it must be staged again", volume_id);
  }
  return credentials;
}

std::vector<std::string> StagedVolumes::Ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, staged] : volumes_) ids.push_back(id);
  return ids;
}

}  // namespace sluice::csi

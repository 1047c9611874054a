#include "csi/staged_volumes.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <linux/magic.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/unique_fd.h"

namespace sluice::csi {
namespace {

constexpr uint32_t kFormatVersion = 1;

std::string ReadFile(const std::string& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Whole or not at all: written beside it and renamed. For root alone.
Status WriteFile(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  {
    const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return ErrnoStatus(errno, fresh);
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return ErrnoStatus(errno == 0 ? ENOSPC : errno, fresh);
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

bool Parse(const std::string& path, broker::v1::StagedVolume* volume) {
  return google::protobuf::util::JsonStringToMessage(ReadFile(path), volume).ok() &&
         volume->version() == kFormatVersion && !volume->volume().volume_id().empty() &&
         volume->staging_path().starts_with('/');
}

// Ids may hold any character and be 128 bytes long: the file has a hash of it as its name.
std::string NameOf(const std::string& volume_id) {
  return fmt::format("{:016x}-{:016x}.json", std::hash<std::string>{}(volume_id),
                     std::hash<std::string>{}(volume_id + "/"));
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
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Unavailable("{}: {}", directory, error.message());
  const bool keeps_secrets = MakeSecretDirectory(secrets_directory);
  if (!keeps_secrets) {
    spdlog::warn(
        "{} is no directory of root's own on a tmpfs (--run-dir): a volume with credentials that is lost with "
        "its daemon and its plugin must be staged again",
        secrets_directory);
  }
  std::unique_ptr<StagedVolumes> staged(new StagedVolumes(directory, keeps_secrets ? secrets_directory : ""));
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    if (file.path().extension() != ".json") continue;
    broker::v1::StagedVolume volume;
    if (Parse(file.path().string(), &volume)) {
      staged->volumes_[volume.volume().volume_id()] = std::move(volume);
    } else {
      spdlog::error("{} is damaged or of another version; it is left alone", file.path().string());
    }
  }
  return staged;
}

Status StagedVolumes::Write(const broker::v1::StagedVolume& staged) const {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  if (!google::protobuf::util::MessageToJsonString(staged, &text, options).ok()) {
    return Internal("volume {} cannot be written as JSON", staged.volume().volume_id());
  }
  return WriteFile(directory_ + "/" + NameOf(staged.volume().volume_id()), text);
}

Status StagedVolumes::Put(const broker::v1::VolumeSpec& volume, const std::string& staging_path) {
  broker::v1::StagedVolume& staged = volumes_[volume.volume_id()];
  staged.set_version(kFormatVersion);
  staged.set_staging_path(staging_path);
  *staged.mutable_volume() = volume;
  staged.mutable_volume()->clear_credentials();
  staged.set_has_credentials(!volume.credentials().access_key_id().empty());
  if (staged.has_credentials() && !secrets_directory_.empty()) {
    RETURN_IF_ERROR(
        WriteFile(secrets_directory_ + "/" + NameOf(volume.volume_id()), volume.credentials().SerializeAsString()));
  }
  return Write(staged);
}

Status StagedVolumes::Remove(const std::string& volume_id) {
  if (volumes_.erase(volume_id) == 0) return absl::OkStatus();
  const std::string name = NameOf(volume_id);
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
  const std::string kept = secrets_directory_.empty() ? "" : ReadFile(secrets_directory_ + "/" + NameOf(volume_id));
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

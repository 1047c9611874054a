#include "csi/staged_volumes.h"

#include <google/protobuf/util/json_util.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace sluice::csi {
namespace {

constexpr uint32_t kFormatVersion = 1;

bool Parse(std::istream& stream, broker::v1::StagedVolume* volume) {
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  return google::protobuf::util::JsonStringToMessage(text, volume).ok() && volume->version() == kFormatVersion &&
         !volume->volume().volume_id().empty() && volume->staging_path().starts_with('/');
}

}  // namespace

StatusOr<std::unique_ptr<StagedVolumes>> StagedVolumes::Open(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Unavailable("{}: {}", directory, error.message());
  std::unique_ptr<StagedVolumes> staged(new StagedVolumes(directory));
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    if (file.path().extension() != ".json") continue;
    std::ifstream stream(file.path());
    broker::v1::StagedVolume volume;
    if (Parse(stream, &volume)) {
      staged->volumes_[volume.volume().volume_id()] = std::move(volume);
    } else {
      spdlog::error("{} is damaged or of another version; it is left alone", file.path().string());
    }
  }
  return staged;
}

// Ids may hold any character and be 128 bytes long: the file has a hash of it as its name.
std::string StagedVolumes::FileOf(const std::string& volume_id) const {
  return fmt::format("{}/{:016x}-{:016x}.json", directory_, std::hash<std::string>{}(volume_id),
                     std::hash<std::string>{}(volume_id + "/"));
}

Status StagedVolumes::Put(broker::v1::VolumeSpec volume, const std::string& staging_path) {
  volume.clear_credentials();
  broker::v1::StagedVolume staged;
  staged.set_version(kFormatVersion);
  staged.set_staging_path(staging_path);
  *staged.mutable_volume() = std::move(volume);
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  if (!google::protobuf::util::MessageToJsonString(staged, &text, options).ok()) {
    return Internal("volume {} cannot be written as JSON", staged.volume().volume_id());
  }
  // Whole or not at all: written beside it and renamed.
  const std::string file = FileOf(staged.volume().volume_id());
  {
    std::ofstream stream(file + ".new", std::ios::trunc);
    stream << text << std::flush;
    if (!stream) return Unavailable("{} cannot be written", file);
  }
  std::error_code error;
  std::filesystem::rename(file + ".new", file, error);
  if (error) return Unavailable("{}: {}", file, error.message());
  volumes_[staged.volume().volume_id()] = std::move(staged);
  return absl::OkStatus();
}

Status StagedVolumes::Remove(const std::string& volume_id) {
  if (volumes_.erase(volume_id) == 0) return absl::OkStatus();
  std::error_code error;
  std::filesystem::remove(FileOf(volume_id), error);
  if (error) return Unavailable("{}: {}", FileOf(volume_id), error.message());
  return absl::OkStatus();
}

const broker::v1::StagedVolume* StagedVolumes::Find(const std::string& volume_id) const {
  const auto found = volumes_.find(volume_id);
  return found == volumes_.end() ? nullptr : &found->second;
}

}  // namespace sluice::csi

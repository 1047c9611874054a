#include "csi/volume_records.h"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

namespace sluice::csi {
namespace {

constexpr int kFormatVersion = 1;

std::string ToJson(const VolumeRecord& record) {
  const nlohmann::json json = {{"version", kFormatVersion},
                               {"id", record.id},
                               {"capacityBytes", record.capacity_bytes},
                               {"parameters", record.parameters}};
  return json.dump(2);
}

std::optional<VolumeRecord> FromJson(std::istream& stream) {
  const auto json = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("version", nlohmann::json()) != kFormatVersion || !json.contains("id") ||
      !json["id"].is_string() || !json.contains("parameters") || !json["parameters"].is_object()) {
    return std::nullopt;
  }
  VolumeRecord record;
  record.id = json["id"].get<std::string>();
  if (json.contains("capacityBytes") && json["capacityBytes"].is_number_unsigned())
    record.capacity_bytes = json["capacityBytes"];
  for (const auto& [key, value] : json["parameters"].items()) {
    if (value.is_string()) record.parameters[key] = value.get<std::string>();
  }
  return record;
}

}  // namespace

StatusOr<std::unique_ptr<VolumeRecords>> VolumeRecords::Open(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Unavailable("{}: {}", directory, error.message());
  std::unique_ptr<VolumeRecords> records(new VolumeRecords(directory));
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    if (file.path().extension() != ".json") continue;
    std::ifstream stream(file.path());
    auto record = FromJson(stream);
    if (record) {
      records->records_[record->id] = *std::move(record);
    } else {
      spdlog::error("the volume record {} is damaged or of another version; it is left alone", file.path().string());
    }
  }
  return records;
}

// Ids may hold any character and be 128 bytes long: the file has a hash of it as its name.
std::string VolumeRecords::FileOf(const std::string& id) const {
  return fmt::format("{}/{:016x}-{:016x}.json", directory_, std::hash<std::string>{}(id),
                     std::hash<std::string>{}(id + "/"));
}

Status VolumeRecords::Create(const VolumeRecord& record) {
  const std::lock_guard lock(mutex_);
  if (const auto found = records_.find(record.id); found != records_.end()) {
    if (found->second == record) return absl::OkStatus();
    return AlreadyExists("volume {} exists with another size or other parameters", record.id);
  }
  // Whole or not at all: written beside it and renamed.
  const std::string file = FileOf(record.id);
  {
    std::ofstream stream(file + ".new", std::ios::trunc);
    stream << ToJson(record) << '\n' << std::flush;
    if (!stream) return Unavailable("the volume record {} cannot be written", file);
  }
  std::error_code error;
  std::filesystem::rename(file + ".new", file, error);
  if (error) return Unavailable("{}: {}", file, error.message());
  records_[record.id] = record;
  return absl::OkStatus();
}

Status VolumeRecords::Delete(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (records_.erase(id) == 0) return absl::OkStatus();
  std::error_code error;
  std::filesystem::remove(FileOf(id), error);
  if (error) return Unavailable("{}: {}", FileOf(id), error.message());
  return absl::OkStatus();
}

std::optional<VolumeRecord> VolumeRecords::Find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(id);
  return found == records_.end() ? std::nullopt : std::optional(found->second);
}

std::map<std::string, VolumeRecord> VolumeRecords::All() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

}  // namespace sluice::csi

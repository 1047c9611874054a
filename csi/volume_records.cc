#include "csi/volume_records.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "csi/record_files.h"

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

std::optional<VolumeRecord> FromJson(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
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
  std::unique_ptr<VolumeRecords> records(new VolumeRecords(directory));
  RETURN_IF_ERROR(ReadRecords(directory, [&](const std::string& text) {
    auto record = FromJson(text);
    if (record) records->records_[record->id] = *std::move(record);
    return record.has_value();
  }));
  return records;
}

std::string VolumeRecords::FileOf(const std::string& id) const { return directory_ + "/" + RecordName(id); }

Status VolumeRecords::Create(const VolumeRecord& record) {
  const std::lock_guard lock(mutex_);
  if (const auto found = records_.find(record.id); found != records_.end()) {
    if (found->second == record) return absl::OkStatus();
    return AlreadyExists("volume {} exists with another size or other parameters", record.id);
  }
  const std::string file = FileOf(record.id);
  if (const Status written = WriteRecord(file, ToJson(record) + '\n'); !written.ok()) {
    return Unavailable("the volume record {} cannot be written: {}", file, Message(written));
  }
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

#include "csi/record_files.h"

#include <google/protobuf/util/json_util.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/whole_file.h"

namespace sluice::csi {

std::string RecordName(const std::string& volume_id) {
  return fmt::format("{:016x}-{:016x}.json", std::hash<std::string>{}(volume_id),
                     std::hash<std::string>{}(volume_id + "/"));
}

std::optional<std::string> RecordText(const google::protobuf::Message& record) {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  if (!google::protobuf::util::MessageToJsonString(record, &text, options).ok()) return std::nullopt;
  return text;
}

Status ReadRecords(const std::string& directory, const std::function<bool(const std::string& text)>& take) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Unavailable("{}: {}", directory, error.message());
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    if (file.path().extension() != ".json" || take(ReadRecord(file.path().string()))) continue;
    spdlog::error("the record {} is damaged or of another version; it is left alone", file.path().string());
  }
  return absl::OkStatus();
}

Status WriteRecord(const std::string& path, const std::string& text) {
  return WriteWholeFile(path, text, Outlasts::kProcess);
}

std::string ReadRecord(const std::string& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace sluice::csi

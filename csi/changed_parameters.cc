#include "csi/changed_parameters.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <filesystem>

#include "csi/record_files.h"

namespace sluice::csi {
namespace {

constexpr uint32_t kFormatVersion = 1;

bool Parse(const std::string& text, broker::v1::ChangedParameters* changed) {
  return google::protobuf::util::JsonStringToMessage(text, changed).ok() && changed->version() == kFormatVersion &&
         !changed->volume_id().empty();
}

}  // namespace

StatusOr<std::unique_ptr<ChangedParameters>> ChangedParameters::Open(const std::string& directory, size_t volumes_max) {
  std::unique_ptr<ChangedParameters> all(new ChangedParameters(directory, volumes_max));
  RETURN_IF_ERROR(ReadRecords(directory, [&](const std::string& text) {
    broker::v1::ChangedParameters changed;
    if (!Parse(text, &changed)) return false;
    all->next_number_ = std::max(all->next_number_, changed.number() + 1);
    all->volumes_[changed.volume_id()] = std::move(changed);
    return true;
  }));
  return all;
}

Status ChangedParameters::Put(const std::string& volume_id, const StringMap& parameters) {
  if (parameters.empty()) return Remove(volume_id);
  if (Find(volume_id) == parameters) return absl::OkStatus();
  broker::v1::ChangedParameters changed;
  changed.set_version(kFormatVersion);
  changed.set_volume_id(volume_id);
  changed.set_number(next_number_++);
  changed.mutable_parameters()->insert(parameters.begin(), parameters.end());
  const auto text = RecordText(changed);
  if (!text) {
    return InvalidArgument("the parameters of volume {} cannot be written as JSON: they are no UTF-8", volume_id);
  }
  RETURN_IF_ERROR(WriteRecord(directory_ + "/" + RecordName(volume_id), *text));
  volumes_[volume_id] = std::move(changed);
  return volumes_.size() > volumes_max_ ? ForgetOldest() : absl::OkStatus();
}

StringMap ChangedParameters::Find(const std::string& volume_id) const {
  const auto found = volumes_.find(volume_id);
  if (found == volumes_.end()) return {};
  return {found->second.parameters().begin(), found->second.parameters().end()};
}

std::vector<std::string> ChangedParameters::Ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, changed] : volumes_) ids.push_back(id);
  return ids;
}

Status ChangedParameters::Remove(const std::string& volume_id) {
  if (volumes_.erase(volume_id) == 0) return absl::OkStatus();
  std::error_code error;
  std::filesystem::remove(directory_ + "/" + RecordName(volume_id), error);
  if (!error) return absl::OkStatus();
  return Unavailable("the changed parameters of volume {} cannot be removed: {}", volume_id, error.message());
}

Status ChangedParameters::ForgetOldest() {
  const auto oldest = std::ranges::min_element(volumes_, {}, [](const auto& volume) { return volume.second.number(); });
  return Remove(std::string(oldest->first));
}

}  // namespace sluice::csi

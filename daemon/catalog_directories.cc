#include "daemon/catalog_directories.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "cache/key.h"
#include "daemon/contents.h"

namespace sluice::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSaved = "saved";
constexpr const char* kMounts = "/mounts";
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

std::string CatalogDirectories::PathOf(const broker::v1::VolumeSpec& spec) const {
  // A volume id may hold any character; a hash is a file name.
  return fmt::format("{}/{}", directory_,
                     cache::ObjectId::Of({spec.volume_id(), spec.source(), spec.endpoint(), 0, 0}).Hex());
}

StatusOr<CatalogDirectories::Begun> CatalogDirectories::Begin(const broker::v1::VolumeSpec& spec, bool resume) const {
  Begun begun{PathOf(spec)};
  std::error_code error;
  fs::create_directories(begun.path, error);
  if (error) return Unavailable("{}: {}", begun.path, error.message());
  const std::string state_file = begun.path + "/state";
  const std::string boot = ReadLine(kBootId);
  const std::string state = ReadLine(state_file);
  const bool same_mounts = ReadLine(begun.path + kMounts) == MountsFingerprint(spec);
  if (resume) {
    begun.keep = cache::Catalog::Keep::kAll;
    begun.is_outdated = !same_mounts;
  } else if (same_mounts && spec.consistency() != "strong" && !state.empty() && (state == kSaved || state == boot)) {
    begun.keep = cache::Catalog::Keep::kNames;
  }
  std::ofstream(state_file) << boot << '\n';
  if (!begun.is_outdated) SetMounts(spec);
  return begun;
}

void CatalogDirectories::SetMounts(const broker::v1::VolumeSpec& spec) const {
  std::ofstream(PathOf(spec) + kMounts) << MountsFingerprint(spec) << '\n';
}

void CatalogDirectories::End(const broker::v1::VolumeSpec& spec, const Status& synced) const {
  std::error_code ignored;
  if (spec.consistency() == "strong") {
    fs::remove_all(PathOf(spec), ignored);
  } else if (synced.ok()) {
    std::ofstream(PathOf(spec) + "/state") << kSaved << '\n';
    ForgetOldest();
  }
}

// What is in use was begun in this boot. What was begun in an earlier one was never unmounted, and may be of no use.
void CatalogDirectories::ForgetOldest() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> saved;
  std::error_code ignored;
  const std::string boot = ReadLine(kBootId);
  for (const auto& entry : fs::directory_iterator(directory_, ignored)) {
    const std::string state_file = entry.path().string() + "/state";
    if (ReadLine(state_file) == boot) continue;
    saved.emplace_back(fs::last_write_time(state_file, ignored), entry.path());
  }
  if (saved.size() <= kSavedMax) return;
  std::sort(saved.begin(), saved.end());
  for (size_t i = 0; i < saved.size() - kSavedMax; ++i) fs::remove_all(saved[i].second, ignored);
}

}  // namespace sluice::daemon

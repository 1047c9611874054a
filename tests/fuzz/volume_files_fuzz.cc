// The plugin's own files of volumes: what CreateVolume was asked for, and what is staged, as they are read when it
// starts.
//
// Properties: a file that cannot be read is left alone, and ends nothing; a volume that is read has an id and an
// absolute path; it is written as what reads as the same; credentials are in no file but their own.
#include <google/protobuf/util/message_differencer.h>

#include <fstream>

#include "csi/changed_parameters.h"
#include "csi/staged_volumes.h"
#include "csi/volume_records.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

namespace sluice::csi {
namespace {

using fuzz::Expect;
using google::protobuf::util::MessageDifferencer;

struct Directories {
  TempDir top{"/dev/shm"};
  std::string read = top / "read";
  std::string written = top / "written";

  void Clear() const {
    for (const std::string& directory : {read, written}) {
      std::filesystem::remove_all(directory);
      std::filesystem::create_directory(directory);
    }
  }
};

void CheckRecords(const Directories& directories) {
  const auto records = *VolumeRecords::Open(directories.read);
  Expect(records->All().size() <= 1, "a file is a volume at most");
  for (const auto& [id, record] : records->All()) {
    Expect((*VolumeRecords::Open(directories.written))->Create(record).ok(), "what was read can be written");
    Expect((*VolumeRecords::Open(directories.written))->Find(id) == record, "and is the same");
  }
}

void CheckStaged(const Directories& directories) {
  const auto staged = *StagedVolumes::Open(directories.read, directories.top / "secrets");
  for (const std::string& id : staged->Ids()) {
    const broker::v1::StagedVolume& volume = *staged->Find(id);
    Expect(!id.empty() && volume.volume().volume_id() == id, "a volume has an id");
    Expect(volume.staging_path().starts_with('/'), "it is staged at a path");
    broker::v1::VolumeSpec spec = volume.volume();
    spec.mutable_credentials()->set_access_key_id("key");
    Expect((*StagedVolumes::Open(directories.written, "/proc/none"))->Put(spec, volume.staging_path()).ok(), "written");
    const auto again = *StagedVolumes::Open(directories.written, "/proc/none");
    const broker::v1::StagedVolume* const found = again->Find(id);
    Expect(found != nullptr && found->staging_path() == volume.staging_path(), "it is there again");
    Expect(!found->volume().has_credentials() && found->has_credentials(), "without what must not be on a disk");
    Expect(again->CredentialsOf(id).status().code() == StatusCode::kNotFound, "which is known to be missing");
    spec.clear_credentials();
    Expect(MessageDifferencer::Equals(found->volume(), spec), "and is the same");
  }
}

void CheckChanged(const Directories& directories) {
  const auto changed = *ChangedParameters::Open(directories.read);
  for (const std::string& id : changed->Ids()) {
    const StringMap parameters = changed->Find(id);
    Expect(!id.empty(), "a volume has an id");
    if (parameters.empty()) continue;
    Expect((*ChangedParameters::Open(directories.written))->Put(id, parameters).ok(), "what was read can be written");
    Expect((*ChangedParameters::Open(directories.written))->Find(id) == parameters, "and is the same");
  }
}

}  // namespace
}  // namespace sluice::csi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const sluice::csi::Directories directories;
  directories.Clear();
  std::ofstream(directories.read + "/x.json") << sluice::fuzz::TextOf(data, size);
  sluice::csi::CheckRecords(directories);
  directories.Clear();
  std::ofstream(directories.read + "/x.json") << sluice::fuzz::TextOf(data, size);
  sluice::csi::CheckStaged(directories);
  directories.Clear();
  std::ofstream(directories.read + "/x.json") << sluice::fuzz::TextOf(data, size);
  sluice::csi::CheckChanged(directories);
  return 0;
}

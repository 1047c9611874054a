#include "csi/volume_records.h"

#include <fstream>

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::csi {
namespace {

TEST(VolumeRecords, SurviveARestart) {
  TempDir directory;
  const VolumeRecord record{"odd/id with ünicode", 42, {{"source", "s3://b"}}};
  {
    ASSERT_OK_AND_ASSIGN(const auto records, VolumeRecords::Open(directory.path()));
    ASSERT_OK(records->Create(record));
    ASSERT_OK(records->Create(record));
    EXPECT_EQ(records->Create({record.id, 43, record.parameters}).code(), StatusCode::kAlreadyExists);
  }
  ASSERT_OK_AND_ASSIGN(const auto records, VolumeRecords::Open(directory.path()));
  EXPECT_EQ(records->Find(record.id), record);
  ASSERT_OK(records->Delete(record.id));
  ASSERT_OK(records->Delete(record.id));
  ASSERT_OK_AND_ASSIGN(const auto empty, VolumeRecords::Open(directory.path()));
  EXPECT_TRUE(empty->All().empty());
}

TEST(VolumeRecords, DamagedFilesAreLeftAlone) {
  TempDir directory;
  std::ofstream(directory / "x.json") << "{not json";
  std::ofstream(directory / "y.json") << R"({"version": 99, "id": "z", "parameters": {}})";
  std::ofstream(directory / "z.json") << R"({"version": "1", "id": "z", "parameters": {}})";
  ASSERT_OK_AND_ASSIGN(const auto records, VolumeRecords::Open(directory.path()));
  EXPECT_TRUE(records->All().empty());
  EXPECT_TRUE(std::filesystem::exists(directory / "x.json"));
}

}  // namespace
}  // namespace sluice::csi

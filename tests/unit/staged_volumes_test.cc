#include "csi/staged_volumes.h"

#include <filesystem>
#include <fstream>

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::csi {
namespace {

broker::v1::VolumeSpec SpecOf(const std::string& id) {
  broker::v1::VolumeSpec spec;
  spec.set_volume_id(id);
  spec.set_source("s3://bucket");
  spec.mutable_credentials()->set_secret_access_key("hush");
  return spec;
}

std::string AllFiles(const std::string& directory) {
  std::string all;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    std::ifstream stream(file.path());
    all.append(std::istreambuf_iterator<char>(stream), {});
  }
  return all;
}

TEST(StagedVolumes, SurviveARestart) {
  TempDir directory;
  const std::string odd = "odd/id with ünicode " + std::string(100, 'x');
  {
    ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path()));
    ASSERT_OK(staged->Put(SpecOf(odd), "/staging"));
    ASSERT_OK(staged->Put(SpecOf("other"), "/other"));
    ASSERT_OK(staged->Remove("other"));
    ASSERT_OK(staged->Remove("other"));
  }
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path()));
  EXPECT_EQ(staged->Find("other"), nullptr);
  const broker::v1::StagedVolume* const found = staged->Find(odd);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->staging_path(), "/staging");
  EXPECT_EQ(found->volume().source(), "s3://bucket");
}

TEST(StagedVolumes, HoldNoSecrets) {
  TempDir directory;
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path()));
  ASSERT_OK(staged->Put(SpecOf("v"), "/staging"));
  EXPECT_THAT(AllFiles(directory.path()), testing::HasSubstr("s3://bucket"));
  EXPECT_THAT(AllFiles(directory.path()), testing::Not(testing::HasSubstr("hush")));
}

TEST(StagedVolumes, DamagedFilesAreLeftAlone) {
  TempDir directory;
  std::ofstream(directory / "x.json") << "{not json";
  std::ofstream(directory / "y.json") << R"({"version": 99, "stagingPath": "/y", "volume": {"volumeId": "y"}})";
  std::ofstream(directory / "z.json") << R"({"version": 1, "stagingPath": "../z", "volume": {"volumeId": "z"}})";
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path()));
  EXPECT_EQ(staged->Find("y"), nullptr);
  EXPECT_EQ(staged->Find("z"), nullptr);
  EXPECT_TRUE(std::filesystem::exists(directory / "x.json"));
}

}  // namespace
}  // namespace sluice::csi

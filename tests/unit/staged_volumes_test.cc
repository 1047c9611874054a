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
  spec.mutable_credentials()->set_access_key_id("key");
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
    ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), directory / "no tmpfs"));
    ASSERT_OK(staged->Put(SpecOf(odd), "/staging"));
    ASSERT_OK(staged->Put(SpecOf("other"), "/other"));
    ASSERT_OK(staged->Remove("other"));
    ASSERT_OK(staged->Remove("other"));
  }
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), directory / "no tmpfs"));
  EXPECT_EQ(staged->Find("other"), nullptr);
  const broker::v1::StagedVolume* const found = staged->Find(odd);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->staging_path(), "/staging");
  EXPECT_EQ(found->volume().source(), "s3://bucket");
}

TEST(StagedVolumes, NewCredentialsTakeThePlaceOfTheOldOnes) {
  const TempDir directory;
  const TempDir secrets("/dev/shm");
  broker::v1::Credentials fresh = SpecOf("v").credentials();
  fresh.set_secret_access_key("whisper");
  {
    ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), secrets.path()));
    ASSERT_OK(staged->PutCredentials("v", fresh));  // of an unknown volume: nothing
    EXPECT_EQ(AllFiles(secrets.path()), "");
    broker::v1::VolumeSpec anonymous = SpecOf("v");
    anonymous.clear_credentials();
    ASSERT_OK(staged->Put(anonymous, "/staging"));
    ASSERT_OK(staged->PutCredentials("v", SpecOf("v").credentials()));
    ASSERT_OK(staged->PutCredentials("v", fresh));
  }
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), secrets.path()));
  ASSERT_OK_AND_ASSIGN(const broker::v1::Credentials kept, staged->CredentialsOf("v"));
  EXPECT_EQ(kept.secret_access_key(), "whisper");
  EXPECT_EQ(AllFiles(secrets.path()).find("hush"), std::string::npos);
  EXPECT_EQ(AllFiles(directory.path()).find("whisper"), std::string::npos);
}

TEST(StagedVolumes, WherePodsHaveThemIsKnown) {
  TempDir directory;
  broker::v1::PublishedPath published;
  published.set_path("/pod");
  {
    ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), directory / "no tmpfs"));
    ASSERT_OK(staged->AddPublished("v", published));  // of an unknown volume: nothing
    ASSERT_OK(staged->Put(SpecOf("v"), "/staging"));
    for (const char* sub_path : {"old", "new"}) {
      published.set_sub_path(sub_path);
      ASSERT_OK(staged->AddPublished("v", published));
    }
    ASSERT_OK(staged->Put(SpecOf("v"), "/staging"));  // mounted anew
  }
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), directory / "no tmpfs"));
  ASSERT_EQ(staged->Find("v")->published_size(), 1);
  EXPECT_EQ(staged->Find("v")->published(0).sub_path(), "new");
  ASSERT_OK(staged->RemovePublished("v", "/pod"));
  ASSERT_OK(staged->RemovePublished("v", "/pod"));
  EXPECT_EQ(staged->Find("v")->published_size(), 0);
}

TEST(StagedVolumes, CredentialsAreInMemoryAlone) {
  TempDir directory;
  const TempDir memory("/dev/shm");
  {
    ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), memory / "secrets"));
    ASSERT_OK(staged->Put(SpecOf("v"), "/staging"));
  }
  EXPECT_THAT(AllFiles(directory.path()), testing::Not(testing::HasSubstr("hush")));
  EXPECT_THAT(AllFiles(memory / "secrets"), testing::HasSubstr("hush"));
  for (const auto& file : std::filesystem::directory_iterator(memory / "secrets")) {
    EXPECT_EQ(file.status().permissions(), std::filesystem::perms(0600));
  }
  EXPECT_EQ(std::filesystem::status(memory / "secrets").permissions(), std::filesystem::perms(0700));
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), memory / "secrets"));
  EXPECT_EQ(staged->CredentialsOf("v")->secret_access_key(), "hush");
  ASSERT_OK(staged->Remove("v"));
  EXPECT_EQ(AllFiles(memory / "secrets"), "");
}

TEST(StagedVolumes, CredentialsAreNotKeptOnADisk) {
  TempDir directory;
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), directory / "secrets"));
  ASSERT_OK(staged->Put(SpecOf("v"), "/staging"));
  EXPECT_TRUE(std::filesystem::is_empty(directory / "secrets"));
  EXPECT_EQ(staged->CredentialsOf("v").status().code(), StatusCode::kNotFound);
}

TEST(StagedVolumes, DamagedFilesAreLeftAlone) {
  TempDir directory;
  std::ofstream(directory / "x.json") << "{not json";
  std::ofstream(directory / "y.json") << R"({"version": 99, "stagingPath": "/y", "volume": {"volumeId": "y"}})";
  std::ofstream(directory / "z.json") << R"({"version": 1, "stagingPath": "../z", "volume": {"volumeId": "z"}})";
  ASSERT_OK_AND_ASSIGN(const auto staged, StagedVolumes::Open(directory.path(), directory / "no tmpfs"));
  EXPECT_EQ(staged->Find("y"), nullptr);
  EXPECT_EQ(staged->Find("z"), nullptr);
  EXPECT_TRUE(std::filesystem::exists(directory / "x.json"));
}

}  // namespace
}  // namespace sluice::csi

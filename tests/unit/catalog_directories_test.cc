#include "daemon/catalog_directories.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::daemon {
namespace {

using Keep = cache::Catalog::Keep;

class CatalogDirectoriesTest : public testing::Test {
 protected:
  static broker::v1::VolumeSpec Spec(const std::string& volume) {
    broker::v1::VolumeSpec spec;
    spec.set_volume_id(volume);
    spec.set_source("s3://bucket");
    spec.set_consistency("immutable");
    return spec;
  }
  CatalogDirectories::Begun Begin(const std::string& volume) { return *catalogs.Begin(Spec(volume), false); }
  void End(const std::string& volume) { catalogs.End(Spec(volume), absl::OkStatus()); }

  TempDir directory;
  CatalogDirectories catalogs{directory.path()};
};

TEST_F(CatalogDirectoriesTest, WhatWasSavedIsKept) {
  EXPECT_EQ(Begin("v").keep, Keep::kNothing);
  End("v");
  EXPECT_EQ(Begin("v").keep, Keep::kNames);
}

TEST_F(CatalogDirectoriesTest, NamesOfOtherMountsAreNotKept) {
  Begin("v");
  End("v");
  broker::v1::VolumeSpec changed = Spec("v");
  changed.add_mounts()->set_source("s3://another");
  EXPECT_EQ(catalogs.Begin(changed, false)->keep, Keep::kNothing);
  EXPECT_FALSE(catalogs.Begin(changed, true)->is_outdated);
  changed.mutable_mounts(0)->set_path("elsewhere");
  EXPECT_TRUE(catalogs.Begin(changed, true)->is_outdated);
  EXPECT_TRUE(catalogs.Begin(changed, true)->is_outdated) << "until somebody has made them anew";
  catalogs.SetMounts(changed);
  EXPECT_FALSE(catalogs.Begin(changed, true)->is_outdated);
}

TEST_F(CatalogDirectoriesTest, TheOldestGoFirstAndNothingThatIsInUse) {
  const std::string in_use = Begin("in use").path;
  std::filesystem::last_write_time(in_use + "/state", std::filesystem::file_time_type::min());
  std::vector<std::string> paths;
  for (size_t i = 0; i <= CatalogDirectories::kSavedMax; ++i) {
    paths.push_back(Begin(std::to_string(i)).path);
    End(std::to_string(i));
    std::filesystem::last_write_time(paths.back() + "/state",
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(1000 - i));
  }
  End("another");
  EXPECT_FALSE(std::filesystem::exists(paths[0]));
  EXPECT_TRUE(std::filesystem::exists(paths.back()));
  EXPECT_TRUE(std::filesystem::exists(in_use));
}

// A volume that nobody mounts again after the machine lost power.
TEST_F(CatalogDirectoriesTest, WhatAnEarlierBootHasLeftGoesToo) {
  const std::string left = Begin("left").path;
  std::ofstream(left + "/state") << "of-an-earlier-boot\n";
  std::filesystem::last_write_time(left + "/state", std::filesystem::file_time_type::min());
  for (size_t i = 0; i <= CatalogDirectories::kSavedMax; ++i) {
    Begin(std::to_string(i));
    End(std::to_string(i));
  }
  EXPECT_FALSE(std::filesystem::exists(left));
}

}  // namespace
}  // namespace sluice::daemon

#include "daemon/overridden_config.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/whole_file.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::daemon {
namespace {

class OverriddenConfigTest : public testing::Test {
 protected:
  OverriddenConfigTest() {
    pools["default"].tiers = {{.medium = "ssd", .path = directory.path(), .quota_bytes = 64 * kMiB}};
    pools["other"].name = "other";
  }
  OverriddenConfig Load() { return OverriddenConfig::Load(pools, "default", file, memory_bytes); }
  void Write(const std::string& text) { std::ofstream(file) << text; }

  TempDir directory;
  const std::string file = directory / "overrides.yaml";
  PoolConfigs pools{{"default", {}}, {"other", {}}};
  uint64_t memory_bytes = 64 * kGiB;
};

TEST_F(OverriddenConfigTest, WhatIsSetIsThereForTheNextDaemon) {
  const OverriddenConfig before = Load();
  EXPECT_TRUE(before.overrides().empty());
  ASSERT_OK_AND_ASSIGN(const OverriddenConfig changed, before.Changed({}, "{policy: lru, limits: {fetches: 7}}"));
  EXPECT_EQ(before.in_force().policy, "s3-fifo");
  EXPECT_EQ(changed.in_force().policy, "lru");
  EXPECT_FALSE(std::filesystem::exists(file)) << "it is not saved yet";
  ASSERT_OK(changed.Save());
  const OverriddenConfig next = Load();
  EXPECT_EQ(next.in_force().policy, "lru");
  EXPECT_EQ(next.in_force().fetches_max, 7u);
  ASSERT_OK_AND_ASSIGN(const OverriddenConfig unset, next.Changed({"policy"}, ""));
  EXPECT_EQ(unset.in_force().policy, "s3-fifo");
  EXPECT_EQ(unset.in_force().fetches_max, 7u);
  EXPECT_TRUE(Fails(next.Changed({"epochs"}, "").status(), StatusCode::kNotFound, "epochs"));
}

TEST_F(OverriddenConfigTest, AQuotaBeyondTheFileSystemIsRefused) {
  EXPECT_TRUE(Fails(Load().Changed({}, "tiers: [{medium: ssd, quota: 1000000GiB}]").status(),
                    StatusCode::kInvalidArgument, "larger than its file system"));
}

TEST_F(OverriddenConfigTest, WhatThePluginsFileMakesImpossibleIsLeftOut) {
  Write("{policy: lru, tiers: [{medium: hdd, quota: 1GiB}, {medium: ssd, quota: 1000000GiB, highWatermark: 94%}]}");
  const OverriddenConfig config = Load();
  EXPECT_EQ(config.in_force().policy, "lru");
  EXPECT_EQ(config.in_force().tiers[0].quota_bytes, 64 * kMiB);
  EXPECT_EQ(config.in_force().tiers[0].high_watermark, 0.94);
  EXPECT_THAT(config.notes(), testing::UnorderedElementsAre(testing::HasSubstr("tiers.hdd.quota: 1GiB"),
                                                            testing::HasSubstr("tiers.ssd.quota: 1000000GiB")));
  pools["default"].tiers.push_back({.medium = "hdd", .path = directory.path(), .quota_bytes = 8 * kMiB});
  EXPECT_EQ(Load().in_force().tiers[1].quota_bytes, 1 * kGiB) << "the file has it still";
}

TEST_F(OverriddenConfigTest, ABadFileKeepsNoDaemonFromStarting) {
  for (const std::string text : {"[", "source: {directories: [/]}", "x", "tiers: 7", "policy: ["}) {
    Write(text);
    const OverriddenConfig config = Load();
    EXPECT_EQ(ToYaml(config.in_force()), ToYaml(pools["default"])) << text;
    EXPECT_THAT(config.notes(), testing::ElementsAre(testing::HasSubstr("nothing is in force of what was set")))
        << text;
  }
  Write(std::string(ConfigOverrides::kTextBytesMax + 1, '#'));
  EXPECT_EQ(Load().notes().size(), 1u);
  std::filesystem::remove(file);
  ASSERT_EQ(::symlink("/etc/passwd", file.c_str()), 0);
  EXPECT_EQ(Load().notes().size(), 1u);
}

TEST_F(OverriddenConfigTest, ItFitsTheMemoryAfterwards) {
  memory_bytes = 2 * kGiB;
  ASSERT_OK_AND_ASSIGN(const OverriddenConfig changed, Load().Changed({}, "limits: {fillMemory: 8GiB}"));
  EXPECT_LT(changed.in_force().fill_memory_bytes, 1 * kGiB);
  EXPECT_THAT(changed.notes(), testing::ElementsAre(testing::HasSubstr("fillMemory")));
  ASSERT_OK_AND_ASSIGN(const OverriddenConfig back, changed.Changed({"*"}, ""));
  EXPECT_TRUE(back.notes().empty()) << back.notes().front();
}

}  // namespace
}  // namespace sluice::daemon

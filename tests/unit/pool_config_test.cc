#include "common/pool_config.h"

#include <fstream>

#include "common/yaml.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

class PoolConfigTest : public testing::Test {
 protected:
  StatusOr<PoolConfigs> Load(const std::string& yaml) {
    std::ofstream(directory / "c.yaml") << yaml;
    return LoadPoolConfigs(directory / "c.yaml", directory.path());
  }
  TempDir directory;
};

TEST_F(PoolConfigTest, WithoutAFileThereIsADefaultPool) {
  ASSERT_OK_AND_ASSIGN(const PoolConfigs pools, LoadPoolConfigs("", directory.path()));
  const PoolConfig& pool = pools.at("default");
  ASSERT_EQ(pool.tiers.size(), 2u);
  EXPECT_EQ(pool.tiers[0].path, directory / "pools/default/dram");
  EXPECT_GT(pool.tiers[1].quota_bytes, 0u);
}

TEST_F(PoolConfigTest, WhatIsShownCanBeReadBack) {
  ASSERT_OK_AND_ASSIGN(const PoolConfigs pools, Load(R"(
pools:
  team-a:
    uid: 61000
    attached: {namespace: n, serviceAccount: s}
    tiers:
      - {medium: ssd, path: /x, quota: 100GiB, highWatermark: 90%, lowWatermark: 0.8}
    policy: w-tinylfu
    epochs: declared
    limits: {fillMemory: 64MiB, fetches: 7}
    source: {deadline: 5s, caFile: /ca.pem}
    scrub: {rate: 1MiB/s, every: 7d}
    metrics: {listen: "127.0.0.1:9"}
)"));
  const PoolConfig& pool = pools.at("team-a");
  EXPECT_EQ(pool.gid, 61000u);
  EXPECT_DOUBLE_EQ(pool.tiers[0].high_watermark, 0.9);
  EXPECT_EQ(pool.epochs, "declared");
  EXPECT_EQ(pool.scrub_bytes_per_second, 1 * kMiB);
  EXPECT_EQ(pool.scrub_every, std::chrono::hours(7 * 24));
  const std::string shown = ToYaml(pool);
  ASSERT_OK_AND_ASSIGN(const PoolConfigs again, Load(shown));
  EXPECT_EQ(ToYaml(again.at("team-a")), shown);
}

TEST_F(PoolConfigTest, AnAttachedDaemonsPodIsKnownByBothNames) {
  ASSERT_OK_AND_ASSIGN(PoolConfigs pools, Load("pools: {a: {attached: {namespace: n, serviceAccount: s}}, b: {}}"));
  EXPECT_EQ(pools.at("a").attached, (AttachedConfig{"n", "s"}));
  EXPECT_EQ(pools.at("b").attached, std::nullopt);
  ASSERT_OK_AND_ASSIGN(pools, Load("pools: {a: {attached: {}}}"));  // no pod: on a plain machine
  EXPECT_EQ(pools.at("a").attached, AttachedConfig{});
  const auto half = Load("pools: {a: {attached: {namespace: n}}}").status();
  EXPECT_EQ(half.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(half.message(), testing::HasSubstr("serviceAccount"));
}

TEST_F(PoolConfigTest, ADeadlineIsShownToTheMillisecond) {
  for (const char* text : {"500ms", "1500ms", "30s", "120s"}) {
    ASSERT_OK_AND_ASSIGN(const PoolConfigs pools,
                         Load(fmt::format("pools: {{p: {{source: {{deadline: {}}}}}}}", text)));
    EXPECT_NE(ToYaml(pools.at("p")).find(fmt::format("deadline: {}\n", text)), std::string::npos) << text;
  }
}

TEST_F(PoolConfigTest, ErrorsNameFileLineKeyAndWhatIsExpected) {
  const auto status = Load("pools:\n  default:\n    limits:\n      fetches: many\n").status();
  EXPECT_TRUE(
      Fails(status, StatusCode::kInvalidArgument, "c.yaml:4: fetches: 'many' is not a whole number from 1 to 1024"));
  EXPECT_TRUE(Fails(Load("pools: {Bad_Name: {}}").status(), StatusCode::kInvalidArgument, "small letters"));
  EXPECT_TRUE(Fails(Load("pool: {}").status(), StatusCode::kInvalidArgument, "did you mean 'pools'"));
  EXPECT_TRUE(Fails(
      Load("pools: {default: {tiers: [{medium: ssd, quota: 1GiB, highWatermark: 0.5, lowWatermark: 0.6}]}}").status(),
      StatusCode::kInvalidArgument, "lower than highWatermark"));
  EXPECT_TRUE(Fails(LoadPoolConfigs("/no/file", "/").status(), StatusCode::kNotFound, "/no/file"));
}

TEST(Durations, Parse) {
  EXPECT_EQ(*ParseDuration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(*ParseDuration("1h"), std::chrono::hours(1));
  EXPECT_FALSE(ParseDuration("5").ok());
  EXPECT_FALSE(ParseDuration("-5s").ok());
}

}  // namespace
}  // namespace sluice

#include "common/config_overrides.h"

#include "tests/support/matchers.h"

namespace sluice {
namespace {

PoolConfig Base() {
  PoolConfig base;
  base.gid = 7;
  base.tiers = {{.medium = "dram", .path = "/d", .quota_bytes = 64 * kMiB},
                {.medium = "ssd", .path = "/s", .quota_bytes = 1 * kGiB}};
  return base;
}

StatusOr<ConfigOverrides> Parse(const std::string& yaml) { return ConfigOverrides::Parse(yaml, Base(), "the change"); }

Status Any(const PoolConfig&) { return absl::OkStatus(); }

TEST(ConfigOverrides, WhatIsSetIsOverTheFiles) {
  ASSERT_OK_AND_ASSIGN(const ConfigOverrides overrides,
                       Parse("policy: lru\ntiers: [{medium: ssd, quota: 2GiB}]\nlimits: {fetches: 7}"));
  EXPECT_THAT(overrides.keys(), testing::ElementsAre("limits.fetches", "policy", "tiers.ssd.quota"));
  ASSERT_OK_AND_ASSIGN(const PoolConfig config, overrides.ApplyTo(Base()));
  EXPECT_EQ(config.policy, "lru");
  EXPECT_EQ(config.fetches_max, 7u);
  EXPECT_EQ(config.tiers[1].quota_bytes, 2 * kGiB);
  EXPECT_EQ(config.tiers[1].path, "/s");
  EXPECT_EQ(config.tiers[0], Base().tiers[0]);
  EXPECT_EQ(config.gid, 7u);
  ASSERT_OK_AND_ASSIGN(const ConfigOverrides again, ConfigOverrides::Read(overrides.ToYaml(), "file"));
  EXPECT_EQ(again.ToYaml(), overrides.ToYaml());
}

TEST(ConfigOverrides, MoreWinsAndCanBeTakenBack) {
  ASSERT_OK_AND_ASSIGN(ConfigOverrides overrides,
                       Parse("{tiers: [{medium: ssd, quota: 2GiB, lowWatermark: 50%}], policy: lru}"));
  ASSERT_OK_AND_ASSIGN(const ConfigOverrides more, Parse("{tiers: [{medium: ssd, quota: 3GiB}]}"));
  overrides.Add(more);
  EXPECT_EQ(overrides.ApplyTo(Base())->tiers[1].quota_bytes, 3 * kGiB);
  EXPECT_TRUE(Fails(overrides.Remove("tiers.ssd.qota"), StatusCode::kNotFound, "did you mean 'tiers.ssd.quota'"));
  ASSERT_OK(overrides.Remove("tiers.ssd"));
  EXPECT_THAT(overrides.keys(), testing::ElementsAre("policy"));
  ASSERT_OK(overrides.Remove("*"));
  EXPECT_TRUE(overrides.empty());
  ASSERT_OK(overrides.Remove("*"));
  EXPECT_EQ(ToYaml(*overrides.ApplyTo(Base())), ToYaml(Base()));
}

TEST(ConfigOverrides, AMistakeIsSaidAsInTheFile) {
  const auto fails = [](const std::string& yaml, const char* text) {
    return Fails(Parse(yaml).status(), StatusCode::kInvalidArgument, text);
  };
  EXPECT_TRUE(fails("policy: lru\npolcy: lru", "the change:2: unknown key 'polcy'"));
  EXPECT_TRUE(fails("polcy: lru", "did you mean 'policy'"));
  EXPECT_TRUE(fails("policy: mru", "did you mean 'lru'"));
  EXPECT_TRUE(fails("tiers: [{medium: ssd, quota: 1MiB}]", "at least"));
  EXPECT_TRUE(fails("tiers: [{medium: ssd, lowWatermark: 99%}]", "lower than highWatermark"));
  EXPECT_TRUE(fails("tiers: [{quota: 1GiB}]", "medium"));
  EXPECT_TRUE(fails("tiers: [{medium: sdd, quota: 1GiB}]", "ssd"));
  EXPECT_TRUE(fails("tiers: {ssd: {quota: 1GiB}}", "tiers"));
  EXPECT_TRUE(fails("[", "the change:1"));
  EXPECT_TRUE(fails("7", "mapping"));
  EXPECT_TRUE(fails("policy:", "policy"));
  EXPECT_TRUE(fails(std::string(ConfigOverrides::kTextBytesMax + 1, ' '), "at most 65536"));
}

TEST(ConfigOverrides, WhatThePluginDecidesIsRefused) {
  for (const char* yaml : {"uid: 5", "gid: 5", "attached: {}", "attached: {namespace: a, serviceAccount: b}",
                           "answerDeadline: 1s", "tiers: [{medium: ssd, path: /etc}]", "source: {directories: [/etc]}",
                           "source: {caFile: /etc/passwd}", "metrics: {listen: '0.0.0.0:80'}",
                           "tiers: [{medium: hdd, quota: 1GiB}]", "tiers: []", "{policy: lru, uid: 5}"}) {
    const Status status = Parse(yaml).status();
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << yaml << ": " << status;
    EXPECT_THAT(std::string(Message(status)), testing::HasSubstr("for the plugin to decide"));
  }
}

TEST(ConfigOverrides, WhoCanWriteTheFileGetsNoFurther) {
  for (const char* yaml : {"uid: 5", "source: {directories: [/]}", "tiers: [{medium: ssd, path: /etc}]", "tiers: [x]",
                           "tiers: [{quota: 1GiB}]", "policy: [lru]", "{[a]: b}", "? {a: b}\n: c", "source: *a"}) {
    EXPECT_FALSE(ConfigOverrides::Read(yaml, "file").ok()) << yaml;
  }
  // Nine aliases of nine aliases of …: more parts than there are atoms.
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    bomb +=
        fmt::format("{0}: &{0} {{k1: *{1}, k2: *{1}, k3: *{1}, k4: *{1}, k5: *{1}}}\n", c, static_cast<char>(c - 1));
  }
  EXPECT_FALSE(ConfigOverrides::Read(bomb, "file").ok());
}

TEST(ConfigOverrides, WhatDoesNotFitIsLeftOut) {
  ASSERT_OK_AND_ASSIGN(
      ConfigOverrides overrides,
      Parse("{tiers: [{medium: ssd, quota: 2GiB}, {medium: dram, highWatermark: 60%, lowWatermark: 50%}]}"));
  EXPECT_TRUE(overrides.DropWhatDoesNotFit(Base(), Any).empty());
  PoolConfig base = Base();
  base.tiers.pop_back();
  const auto dropped = overrides.DropWhatDoesNotFit(base, Any);
  EXPECT_THAT(dropped,
              testing::ElementsAre(testing::AllOf(testing::HasSubstr("'tiers.ssd.quota: 2GiB' is not in force"),
                                                  testing::HasSubstr("no ssd tier"))));
  EXPECT_THAT(overrides.keys(), testing::ElementsAre("tiers.dram.highWatermark", "tiers.dram.lowWatermark"))
      << "each of them needs the other";
  const auto no_room = [](const PoolConfig& config) {
    return config.tiers[0].low_watermark < 0.9 ? InvalidArgument("not so low") : absl::OkStatus();
  };
  EXPECT_EQ(overrides.DropWhatDoesNotFit(base, no_room).size(), 2u);
  EXPECT_TRUE(overrides.empty());
}

TEST(ConfigOverrides, KeysFromACommandLine) {
  ASSERT_OK_AND_ASSIGN(const ConfigOverrides overrides,
                       ConfigOverrides::Of({{"tiers.ssd.quota", "2GiB"}, {"policy", "lru"}, {"scrub.rate", "~"}}));
  ASSERT_OK_AND_ASSIGN(const ConfigOverrides read, ConfigOverrides::Read(overrides.ToYaml(), "it"));
  EXPECT_EQ(read.ToYaml(), overrides.ToYaml());
  for (const char* key : {"", ".", "a.", ".a", "a..b"}) EXPECT_FALSE(ConfigOverrides::Of({{key, "x"}}).ok()) << key;
  EXPECT_FALSE(ConfigOverrides::Of({{"policy", "x"}, {"policy.x", "y"}}).ok());
  EXPECT_FALSE(Parse(ConfigOverrides::Of({{"nothing.like.it", "x"}})->ToYaml()).ok());
}

TEST(ConfigOverrides, WhatIsSetIsMarked) {
  const std::string shown = ToYaml(Base(), {"tiers.ssd.quota", "limits.fetches"});
  EXPECT_THAT(shown, testing::HasSubstr("quota: 1024MiB  # sluice config set"));
  EXPECT_THAT(shown, testing::HasSubstr("fetches: 64  # sluice config set"));
  EXPECT_THAT(shown, testing::Not(testing::HasSubstr("quota: 64MiB  #")));
}

}  // namespace
}  // namespace sluice

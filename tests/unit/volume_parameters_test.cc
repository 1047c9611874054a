#include "csi/volume_parameters.h"

#include "common/bytes.h"
#include "tests/support/matchers.h"

namespace sluice::csi {
namespace {

TEST(VolumeParameters, DefaultsAndEveryKey) {
  ASSERT_OK_AND_ASSIGN(const VolumeParameters defaults, ParseVolumeParameters("v", {{"source", "s3://b"}}));
  EXPECT_EQ(defaults.spec.consistency(), "eventual");
  EXPECT_EQ(defaults.spec.block_size_bytes(), 1 * kMiB);
  EXPECT_EQ(defaults.spec.file_mode(), 0444u);
  EXPECT_EQ(defaults.pool, "default");
  ASSERT_OK_AND_ASSIGN(const VolumeParameters all, ParseVolumeParameters("v", {{"source", "s3://b/p"},
                                                                               {"endpoint", "https://h"},
                                                                               {"region", "eu-1"},
                                                                               {"pathStyle", "true"},
                                                                               {"consistency", "strong"},
                                                                               {"metadataTtl", "5m"},
                                                                               {"blockSize", "4MiB"},
                                                                               {"access", "large-files"},
                                                                               {"uid", "1"},
                                                                               {"gid", "2"},
                                                                               {"fileMode", "0640"},
                                                                               {"dirMode", "750"},
                                                                               {"pool", "p"},
                                                                               {"subPath", "a/b"},
                                                                               {"csi.storage.k8s.io/pod.name", "x"}}));
  EXPECT_EQ(all.spec.metadata_ttl_ns(), 300'000'000'000);
  EXPECT_EQ(all.spec.directory_mode(), 0750u);
  EXPECT_EQ(all.sub_path, "a/b");
  EXPECT_TRUE(all.spec.path_style());
}

TEST(VolumeParameters, MistakesAreNamed) {
  const auto fails = [](const char* key, const char* value, const char* text) {
    StringMap parameters = {{"source", "s3://b"}};
    parameters[key] = value;
    return Fails(ParseVolumeParameters("v", parameters).status(), StatusCode::kInvalidArgument, text);
  };
  EXPECT_TRUE(fails("soruce", "x", "did you mean 'source'"));
  EXPECT_TRUE(fails("blockSize", "1", "power of two"));
  EXPECT_TRUE(fails("subPath", "a/../b", "'..'"));
  EXPECT_TRUE(fails("fileMode", "999", "octal"));
  EXPECT_TRUE(fails("source", "s3://a:b@c", "Secret"));
  EXPECT_TRUE(fails("region", "eu-1\r\nInjected: header", "line break"));
  EXPECT_TRUE(fails("endpoint", "https://host inside", "line break"));
}

TEST(VolumeParameters, CacheLimits) {
  const auto parse = [](const char* cache) {
    return ParseVolumeParameters("v", {{"source", "s3://b"}, {"cache", cache}});
  };
  ASSERT_OK_AND_ASSIGN(const VolumeParameters none, ParseVolumeParameters("v", {{"source", "s3://b"}}));
  EXPECT_FALSE(none.spec.has_cache());
  ASSERT_OK_AND_ASSIGN(const VolumeParameters not_cached, parse("{}"));
  EXPECT_TRUE(not_cached.spec.has_cache());
  EXPECT_TRUE(not_cached.spec.cache().media().empty());
  ASSERT_OK_AND_ASSIGN(
      const VolumeParameters two,
      parse(R"({"dram": {"quota": "16GiB", "highWatermark": "90%", "lowWatermark": 0.7}, "hdd": {}})"));
  const auto& media = two.spec.cache().media();
  ASSERT_EQ(media.size(), 2u);
  EXPECT_EQ(media.at("dram").quota_bytes(), 16 * kGiB);
  EXPECT_DOUBLE_EQ(media.at("dram").high_watermark(), 0.9);
  EXPECT_DOUBLE_EQ(media.at("dram").low_watermark(), 0.7);
  EXPECT_EQ(media.at("hdd").quota_bytes(), 0u);
}

TEST(VolumeParameters, MistakesOfCacheLimitsAreNamed) {
  const auto fails = [](const std::string& cache, const char* text) {
    const auto status = ParseVolumeParameters("v", {{"source", "s3://b"}, {"cache", cache}}).status();
    return Fails(status, StatusCode::kInvalidArgument, text) && Fails(status, StatusCode::kInvalidArgument, "'cache'");
  };
  EXPECT_TRUE(fails("", "is no JSON object"));
  EXPECT_TRUE(fails("[]", "is no JSON object"));
  EXPECT_TRUE(fails("{", "cache:"));
  EXPECT_TRUE(fails(R"({"ssd": "400GiB"})", "mapping"));
  EXPECT_TRUE(fails(R"({"mem": {}})", "unknown key 'mem'"));
  EXPECT_TRUE(fails(R"({"ssd": {"qouta": "1GiB"}})", "did you mean 'quota'"));
  EXPECT_TRUE(fails(R"({"ssd": {"quota": 0}})", "leave the medium out"));
  EXPECT_TRUE(fails(R"({"ssd": {"quota": "3MiB"}})", "at least 4.00 MiB"));
  EXPECT_TRUE(fails(R"({"ssd": {"highWatermark": "120%"}})", "is not a share"));
  EXPECT_TRUE(fails(R"({"ssd": {"highWatermark": "70%", "lowWatermark": "70%"}})", "lower than highWatermark"));
  EXPECT_TRUE(fails(std::string(5000, ' '), "at most 4096"));
}

TEST(VolumeParameters, MountsStandAlone) {
  const std::string mounts = R"([{"path": "/", "source": "s3://b"}])";
  ASSERT_OK_AND_ASSIGN(const VolumeParameters parsed, ParseVolumeParameters("v", {{"mounts", mounts}}));
  EXPECT_EQ(parsed.spec.mounts(0).source(), "s3://b");
  EXPECT_TRUE(parsed.spec.source().empty());
  for (const auto& [key, value] :
       StringMap{{"source", "s3://c"}, {"endpoint", "http://h"}, {"region", "r"}, {"pathStyle", "true"}}) {
    const auto status = ParseVolumeParameters("v", {{"mounts", mounts}, {key, value}}).status();
    EXPECT_TRUE(Fails(status, StatusCode::kInvalidArgument, "stand in each mount")) << key;
  }
  EXPECT_TRUE(Fails(ParseVolumeParameters("v", {}).status(), StatusCode::kInvalidArgument, "or 'mounts'"));
}

TEST(VolumeParameters, APoolHasAName) {
  for (const std::string& name : {std::string("Team A"), std::string("../etc"), std::string(), std::string(65, 'p')}) {
    EXPECT_TRUE(Fails(ParseVolumeParameters("v", {{"source", "s3://b"}, {"pool", name}}).status(),
                      StatusCode::kInvalidArgument, "small letters"));
  }
}

}  // namespace
}  // namespace sluice::csi

#include "csi/mount_parameters.h"

#include "tests/support/matchers.h"

namespace sluice::csi {
namespace {

TEST(MountParameters, EveryKey) {
  ASSERT_OK_AND_ASSIGN(const VolumeMounts mounts, ParseMounts(R"([
      {"path": "/b", "source": "https://h/list.json#manifest"},
      {"path": "/a/x", "source": "s3://b/p", "endpoint": "https://h", "region": "r", "pathStyle": "false",
       "credentials": {"accessKeyId": "i", "secretAccessKey": "k", "sessionToken": "t"}}])"));
  ASSERT_EQ(mounts.size(), 2);
  EXPECT_EQ(mounts[0].path(), "a/x") << "in the order of paths";
  EXPECT_EQ(mounts[0].endpoint(), "https://h");
  EXPECT_EQ(mounts[0].region(), "r");
  EXPECT_TRUE(mounts[0].has_path_style() && !mounts[0].path_style());
  EXPECT_EQ(mounts[0].access_key_id_key(), "i");
  EXPECT_EQ(mounts[0].secret_access_key_key(), "k");
  EXPECT_EQ(mounts[0].session_token_key(), "t");
  EXPECT_FALSE(mounts[1].has_path_style());
  EXPECT_TRUE(mounts[1].access_key_id_key().empty());
}

TEST(MountParameters, MistakesAreNamed) {
  const auto fails = [](const std::string& json, const char* text) {
    return Fails(ParseMounts(json).status(), StatusCode::kInvalidArgument, text);
  };
  const auto at = [](const std::string& path) { return R"([{"path": ")" + path + R"(", "source": "s3://b"}])"; };
  ASSERT_OK(ParseMounts(at("/")).status());
  EXPECT_TRUE(fails("", "no JSON list"));
  EXPECT_TRUE(fails("[]", "no JSON list"));
  EXPECT_TRUE(fails(R"({"path": "/"})", "no JSON list"));
  EXPECT_TRUE(fails(R"(["/"])", "mapping"));
  EXPECT_TRUE(fails(R"([{"path": "/", "soruce": "s3://b"}])", "did you mean 'source'"));
  EXPECT_TRUE(fails(R"([{"path": "/a"}])", "/a: source: '' is not a URI"));
  EXPECT_TRUE(fails(R"([{"path": "/a", "source": "s3://b", "endpoint": "h"}])", "/a: endpoint: 'h' is not the URL"));
  EXPECT_TRUE(fails(R"([{"path": "/a", "source": "s3://b", "pathStyle": "no"}])", "/a: pathStyle: 'no'"));
  EXPECT_TRUE(fails(R"([{"path": "/a", "source": "s3://b", "region": "a b"}])", "/a: region:"));
  EXPECT_TRUE(fails(R"([{"path": "/", "source": "s3://b", "credentials": {"accessKeyId": "i"}}])", "are needed"));
  for (const char* path : {"", "a", "/a/", "//", "/a//b", "/..", "/a/./b"})
    EXPECT_TRUE(fails(at(path), "write / or")) << path;
  EXPECT_TRUE(fails(at("/" + std::string(256, 'n')), "write / or"));
  EXPECT_TRUE(fails(R"([{"path": "/a", "source": "s3://b"}, {"path": "/a", "source": "s3://c"}])",
                    "two mounts have the path '/a'"));
  std::string many;
  for (size_t i = 0; i <= kMountsMax; ++i) many += (i == 0 ? "[" : ",") + at("/" + std::to_string(i)).substr(1, 100);
  EXPECT_FALSE(ParseMounts(many).ok());
  EXPECT_TRUE(fails(std::string(kMountsBytesMax + 1, ' '), "at most"));
}

}  // namespace
}  // namespace sluice::csi

#include "csi/secrets.h"

#include "csi/mount_parameters.h"
#include "tests/support/matchers.h"

namespace sluice::csi {
namespace {

TEST(Secrets, NeverStandInMessages) {
  const auto status = ParseSecrets({{"accessKeyId", "AKID"}, {"secretAccesKey", "hush"}}, {}).status();
  EXPECT_TRUE(Fails(status, StatusCode::kInvalidArgument, "did you mean 'secretAccessKey'"));
  EXPECT_EQ(Message(status).find("hush"), std::string_view::npos);
  EXPECT_FALSE(ParseSecrets({{"accessKeyId", "AKID"}}, {}).ok());
  EXPECT_TRUE(ParseSecrets({}, {}).ok());
}

TEST(Secrets, AreOneWord) {
  for (const char* value : {"hush\n", " hush", "hu\r\nx-amz-acl: hush"}) {
    const auto status = ParseSecrets({{"accessKeyId", value}, {"secretAccessKey", "s"}}, {}).status();
    EXPECT_TRUE(Fails(status, StatusCode::kInvalidArgument, "'accessKeyId' holds a blank or a line break"));
    EXPECT_EQ(Message(status).find("hush"), std::string_view::npos);
  }
}

TEST(Secrets, FitIntoARequestsHeaders) {
  const auto parse = [](size_t bytes) {
    return ParseSecrets({{"accessKeyId", "k"}, {"secretAccessKey", "s"}, {"sessionToken", std::string(bytes, 't')}},
                        {});
  };
  ASSERT_OK(parse(8192).status());
  EXPECT_TRUE(Fails(parse(8193).status(), StatusCode::kInvalidArgument, "'sessionToken' has 8193 bytes; at most 8192"));
}

class MountSecrets : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(*spec.mutable_mounts(), ParseMounts(R"([
        {"path": "/a", "source": "s3://a", "credentials": {"accessKeyId": "a.id", "secretAccessKey": "a.key"}},
        {"path": "/b", "source": "s3://b",
         "credentials": {"accessKeyId": "b.id", "secretAccessKey": "b.key", "sessionToken": "b.token"}},
        {"path": "/public", "source": "s3://c"}])"));
  }
  broker::v1::VolumeSpec spec;
  std::map<std::string, std::string> secret = {{"a.id", "1"},  {"a.key", "2"},   {"b.id", "3"},
                                               {"b.key", "4"}, {"b.token", "5"}, {"of no mount", "many words"}};
};

TEST_F(MountSecrets, KeysAreCalledAsTheMountsSay) {
  ASSERT_OK_AND_ASSIGN(const broker::v1::Credentials credentials, ParseSecrets(secret, spec));
  EXPECT_EQ(credentials.values().at("a.key"), "2");
  EXPECT_EQ(credentials.values().at("b.token"), "5");
  EXPECT_EQ(credentials.values().size(), 5u) << "what no mount names is nobody's";
  EXPECT_TRUE(HasCredentials(credentials));
  EXPECT_FALSE(HasCredentials({}));
}

TEST_F(MountSecrets, AKeyThatIsMissingIsNamedWithThoseThatAreThere) {
  secret.erase("b.key");
  const auto status = ParseSecrets(secret, spec).status();
  EXPECT_TRUE(
      Fails(status, StatusCode::kInvalidArgument, "mount '/b': the Secret has no key 'b.key'; it has a.id, a.key"));
}

TEST_F(MountSecrets, ValuesAreBounded) {
  secret["a.id"] = std::string(9000, 'x');
  EXPECT_TRUE(Fails(ParseSecrets(secret, spec).status(), StatusCode::kInvalidArgument, "'a.id' has 9000 bytes"));
  secret["a.id"] = "two words";
  EXPECT_TRUE(Fails(ParseSecrets(secret, spec).status(), StatusCode::kInvalidArgument, "blank or a line break"));
  spec.clear_mounts();
  for (int i = 0; i < 8; ++i) {
    broker::v1::VolumeMount& mount = *spec.add_mounts();
    mount.set_access_key_id_key("key " + std::to_string(i));
    secret[mount.access_key_id_key()] = std::string(8000, 'x');
  }
  EXPECT_TRUE(Fails(ParseSecrets(secret, spec).status(), StatusCode::kInvalidArgument, "at most 49152"));
}

}  // namespace
}  // namespace sluice::csi

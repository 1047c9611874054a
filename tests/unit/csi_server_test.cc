#include "csi/csi_server.h"

#include <filesystem>

#include "common/unix_socket.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::csi {
namespace {

TEST(ClaimCsiSocketTest, TheDirectoryIsMadeAndNoOther) {
  const TempDir directory;
  ASSERT_OK_AND_ASSIGN(const std::string path, ClaimCsiSocket("unix://" + directory.path() + "/plugin/csi.sock"));
  EXPECT_EQ(path, directory.path() + "/plugin/csi.sock");
  EXPECT_TRUE(std::filesystem::is_directory(directory.path() + "/plugin"));
  const auto typo = ClaimCsiSocket("unix://" + directory.path() + "/plugims/plugin/csi.sock");
  EXPECT_TRUE(Fails(typo.status(), StatusCode::kNotFound, "plugims"));
}

TEST(ClaimCsiSocketTest, AStaleFileGoesAndAnAnsweredOneStays) {
  const TempDir directory;
  const std::string path = directory.path() + "/csi.sock";
  {
    const auto listener = ListenAt(path, SOCK_STREAM, 0700, 1);
    ASSERT_OK(listener.status());
    EXPECT_TRUE(
        Fails(ClaimCsiSocket("unix://" + path).status(), StatusCode::kFailedPrecondition, "another plugin serves"));
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  ASSERT_OK(ClaimCsiSocket("unix://" + path).status());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ClaimCsiSocketTest, AnEndpointThatIsNoneIsNamed) {
  EXPECT_TRUE(Fails(ClaimCsiSocket("/csi.sock").status(), StatusCode::kInvalidArgument, "unix:///PATH"));
  EXPECT_TRUE(Fails(ClaimCsiSocket("unix:///tmp/" + std::string(110, 'x')).status(), StatusCode::kInvalidArgument,
                    "at most 107"));
}

}  // namespace
}  // namespace sluice::csi

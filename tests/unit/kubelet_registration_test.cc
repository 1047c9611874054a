#include "csi/kubelet_registration.h"

#include <grpcpp/grpcpp.h>

#include <filesystem>

#include "common/unix_socket.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::csi {
namespace {

constexpr const char* kCsiSocket = "/plugins/sluice.csi.io/csi.sock";

// What the kubelet does with a socket that appears.
class Kubelet {
 public:
  explicit Kubelet(const std::string& path)
      : stub_(pluginregistration::Registration::NewStub(
            grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials()))) {}

  pluginregistration::PluginInfo Ask() {
    grpc::ClientContext context;
    pluginregistration::PluginInfo info;
    EXPECT_TRUE(stub_->GetInfo(&context, {}, &info).ok());
    return info;
  }
  bool Tell(bool registered, const std::string& error) {
    grpc::ClientContext context;
    pluginregistration::RegistrationStatus status;
    status.set_plugin_registered(registered);
    status.set_error(error);
    pluginregistration::RegistrationStatusResponse reply;
    return stub_->NotifyRegistrationStatus(&context, status, &reply).ok();
  }

 private:
  const std::unique_ptr<pluginregistration::Registration::Stub> stub_;
};

class KubeletRegistrationTest : public testing::Test {
 protected:
  StatusOr<std::unique_ptr<KubeletRegistration>> Start() {
    return KubeletRegistration::Start(directory_.path(), kCsiSocket);
  }
  uint64_t Inode() const {
    struct stat file{};
    return ::lstat(path_.c_str(), &file) == 0 ? file.st_ino : 0;
  }
  // Until the file at the path is another one.
  bool WaitForAnother(uint64_t inode) const {
    for (int i = 0; i < 2000; ++i) {
      if (const uint64_t now = Inode(); now != inode && now != 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  const TempDir directory_;
  const std::string path_ = directory_.path() + "/sluice.csi.io-reg.sock";
};

TEST_F(KubeletRegistrationTest, SaysWhoItIs) {
  const auto registration = Start();
  ASSERT_OK(registration.status());
  const pluginregistration::PluginInfo info = Kubelet(path_).Ask();
  EXPECT_EQ(info.type(), "CSIPlugin");
  EXPECT_EQ(info.name(), "sluice.csi.io");
  EXPECT_EQ(info.endpoint(), kCsiSocket);
  ASSERT_EQ(info.supported_versions_size(), 1);
  EXPECT_EQ(info.supported_versions(0), "1.0.0");
}

TEST_F(KubeletRegistrationTest, LeavesNothingBehind) {
  {
    const auto registration = Start();
    ASSERT_OK(registration.status());
    EXPECT_NE(Inode(), 0u);
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(KubeletRegistrationTest, AStaleFileIsReplaced) {
  ASSERT_OK(ListenAt(path_, SOCK_STREAM, 0700, 1).status());  // and nobody listens any more
  const auto registration = Start();
  ASSERT_OK(registration.status());
  EXPECT_EQ(Kubelet(path_).Ask().type(), "CSIPlugin");
}

TEST_F(KubeletRegistrationTest, AnothersSocketIsLeftToIt) {
  const auto registrar = ListenAt(path_, SOCK_STREAM, 0700, 1);
  ASSERT_OK(registrar.status());
  const uint64_t inode = Inode();
  {
    const auto registration = Start();
    ASSERT_OK(registration.status());
    EXPECT_EQ(Inode(), inode);
  }
  EXPECT_EQ(Inode(), inode);
}

TEST_F(KubeletRegistrationTest, AFileThatWasRemovedIsMadeAnew) {
  const auto registration = Start();
  ASSERT_OK(registration.status());
  std::filesystem::remove(path_);
  EXPECT_TRUE(WaitForAnother(0));
  EXPECT_EQ(Kubelet(path_).Ask().type(), "CSIPlugin");
}

TEST_F(KubeletRegistrationTest, ARefusalIsTriedAgainAndARegistrationIsNot) {
  const auto registration = Start();
  ASSERT_OK(registration.status());
  for (int refusals = 0; refusals < 2; ++refusals) {
    const uint64_t inode = Inode();
    Kubelet kubelet(path_);
    EXPECT_TRUE(kubelet.Tell(false, "no such driver"));
    EXPECT_TRUE(WaitForAnother(inode));
  }
  Kubelet kubelet(path_);
  EXPECT_TRUE(kubelet.Tell(true, ""));
  const uint64_t inode = Inode();
  EXPECT_TRUE(kubelet.Tell(false, "not yet"));
  EXPECT_TRUE(kubelet.Tell(true, ""));  // the kubelet has tried again by itself
  std::this_thread::sleep_for(KubeletRegistration::kBackoffFirst * 2);
  EXPECT_EQ(Inode(), inode);
}

TEST_F(KubeletRegistrationTest, AMessageOverTheLimitIsNotTaken) {
  const auto registration = Start();
  ASSERT_OK(registration.status());
  EXPECT_FALSE(Kubelet(path_).Tell(false, std::string(KubeletRegistration::kMessageBytesMax, 'x')));
}

TEST_F(KubeletRegistrationTest, APathTooLongForASocketIsNamed) {
  const std::string directory = directory_.path() + "/" + std::string(90, 'd');
  std::filesystem::create_directory(directory);
  const auto registration = KubeletRegistration::Start(directory, kCsiSocket);
  EXPECT_TRUE(Fails(registration.status(), StatusCode::kInvalidArgument, "--registration-dir"));
  EXPECT_TRUE(Fails(registration.status(), StatusCode::kInvalidArgument, "at most 107"));
}

TEST_F(KubeletRegistrationTest, ADirectoryThatIsNotThereIsNamed) {
  const auto registration = KubeletRegistration::Start(directory_.path() + "/typo", kCsiSocket);
  EXPECT_TRUE(Fails(registration.status(), StatusCode::kNotFound, "typo"));
}

}  // namespace
}  // namespace sluice::csi

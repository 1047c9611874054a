#include "daemon/confinement.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::daemon {
namespace {

constexpr int kDone = 0;
constexpr int kNotConfined = 250;

// What `attempt` returns (0 or an errno) in a process of its own that is confined.
int Confined(const ConfinedTo& to, const std::function<int()>& attempt) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(Confine(to).ok() ? attempt() : kNotConfined);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int Errno(long result) { return result < 0 ? errno : kDone; }

int Open(const std::string& path, int flags) { return Errno(::open(path.c_str(), flags | O_CLOEXEC, 0600)); }

int BindTcp(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  return Errno(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

class ConfinementTest : public testing::Test {
 protected:
  void SetUp() override {
    const pid_t pid = ::fork();  // tells without confining the tests
    if (pid == 0) {
      const auto in_force = Confine(to);
      const bool all = in_force.ok() && in_force->find("seccomp") != std::string::npos &&
                       in_force->find("landlock") != std::string::npos;
      ::_exit(all ? 0 : 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (status != 0) GTEST_SKIP() << "a build with sanitizers, or a kernel without seccomp or Landlock";
    std::ofstream(other / "secret") << "secret";
    std::ofstream(own / "file") << "mine";
    std::ofstream(shown / "file") << "shown";
  }

  TempDir own, shown, other;
  const ConfinedTo to{.writable = {own.path()}, .readable = {shown.path(), "/not/there"}, .tcp_port = {}};
};

TEST_F(ConfinementTest, ItsOwnDirectoriesAreWritten) {
  EXPECT_EQ(Confined(to, [&] { return Open(own / "file", O_RDWR | O_TRUNC); }), kDone);
  EXPECT_EQ(Confined(to, [&] { return Open(own / "new", O_WRONLY | O_CREAT); }), kDone);
  EXPECT_EQ(Confined(to, [&] { return Errno(::mkdir((own / "directory").c_str(), 0700)); }), kDone);
  EXPECT_EQ(Confined(to,
                     [&] {
                       return Errno(
                           ::linkat(AT_FDCWD, (own / "new").c_str(), AT_FDCWD, (own / "directory/linked").c_str(), 0));
                     }),
            kDone);
  EXPECT_EQ(Confined(to, [&] { return Errno(::unlink((own / "new").c_str())); }), kDone);
}

TEST_F(ConfinementTest, WhatIsShownIsReadOnly) {
  EXPECT_EQ(Confined(to, [&] { return Open(shown / "file", O_RDONLY); }), kDone);
  EXPECT_EQ(Confined(to, [&] { return Open(shown / "file", O_WRONLY); }), EACCES);
  EXPECT_EQ(Confined(to, [&] { return Open(shown / "new", O_WRONLY | O_CREAT); }), EACCES);
}

TEST_F(ConfinementTest, NothingElseIsOpened) {
  EXPECT_EQ(Confined(to, [&] { return Open(other / "secret", O_RDONLY); }), EACCES);
  EXPECT_EQ(Confined(to, [&] { return Open(other.path(), O_RDONLY | O_DIRECTORY); }), EACCES);
  EXPECT_EQ(Confined(to, [&] { return Errno(::mknod((own / "device").c_str(), S_IFCHR | 0600, 0x103)); }), ENOSYS);
  EXPECT_EQ(Confined(to, [&] { return Errno(::symlink("/etc", (own / "link").c_str())); }), ENOSYS);
}

TEST_F(ConfinementTest, TheSystemsSettingsAreRead) {
  EXPECT_EQ(Confined(to, [&] { return Open("/etc/hosts", O_RDONLY); }), kDone);
  EXPECT_EQ(Confined(to, [&] { return Open("/proc/sys/kernel/random/boot_id", O_RDONLY); }), kDone);
}

TEST_F(ConfinementTest, NoProgramNoProcessNoNamespace) {
  char program[] = "/bin/true";
  char* arguments[] = {program, nullptr};
  EXPECT_EQ(Confined(to, [&] { return Errno(::execv(program, arguments)); }), ENOSYS);
  EXPECT_EQ(Confined(to, [] { return Errno(::fork()); }), ENOSYS);
  EXPECT_EQ(Confined(to, [] { return Errno(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, 0, 0, 0)); }),
            ENOSYS);
  EXPECT_EQ(Confined(to, [] { return Errno(::unshare(CLONE_NEWUSER)); }), ENOSYS);
  EXPECT_EQ(Confined(to, [] { return Errno(::mount("none", "/mnt", "tmpfs", 0, nullptr)); }), ENOSYS);
}

TEST_F(ConfinementTest, NoOtherProcessIsTouched) {
  const pid_t parent = ::getpid();
  EXPECT_EQ(Confined(to, [&] { return Errno(::kill(parent, 0)); }), ENOSYS);
  EXPECT_EQ(Confined(to, [&] { return Errno(::ptrace(PTRACE_ATTACH, parent, nullptr, nullptr)); }), ENOSYS);
  EXPECT_EQ(Confined(to, [&] { return Errno(::syscall(SYS_pidfd_open, parent, 0)); }), ENOSYS);
  EXPECT_EQ(Confined(to, [&] { return Open(fmt::format("/proc/{}/mem", parent), O_RDWR); }), EACCES);
  EXPECT_EQ(Confined(to, [] { return ::prctl(PR_GET_DUMPABLE); }), 0);
}

TEST_F(ConfinementTest, OnlyItsOwnPortIsListenedOn) {
  constexpr uint16_t kPort = 39517;
  ConfinedTo with_port = to;
  with_port.tcp_port = kPort;
  EXPECT_EQ(Confined(to, [] { return BindTcp(kPort); }), EACCES);
  EXPECT_EQ(Confined(with_port, [] { return BindTcp(kPort); }), kDone);
  EXPECT_EQ(Confined(with_port, [] { return BindTcp(kPort + 1); }), EACCES);
  EXPECT_EQ(Confined(to, [] { return Errno(::socket(AF_PACKET, SOCK_RAW, 0)); }), ENOSYS);
}

TEST_F(ConfinementTest, ThreadsBeginAndAreConfinedToo) {
  EXPECT_EQ(Confined(to,
                     [&] {
                       int result = -1;
                       std::thread([&] { result = Open(other / "secret", O_RDONLY); }).join();
                       return result;
                     }),
            EACCES);
}

}  // namespace
}  // namespace sluice::daemon

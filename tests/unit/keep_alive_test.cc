#include "daemon/keep_alive.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <new>

#include "tests/support/matchers.h"

namespace sluice::daemon {
namespace {

// Shared with the processes that serve.
class KeepAliveTest : public testing::Test {
 protected:
  ~KeepAliveTest() override { ::munmap(starts_, sizeof *starts_); }
  std::atomic<int>& starts() { return *starts_; }

  // In a process of its own, as it is in life: here other tests' threads would take its signals, and end everything.
  static int KeepAliveAlone(const std::function<int(uint64_t)>& serve) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(KeepAlive(serve));
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    return WEXITSTATUS(status);
  }

 private:
  std::atomic<int>* const starts_ =
      new (::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
          std::atomic<int>;
};

TEST_F(KeepAliveTest, WhatDiesIsStartedAgainUntilASignal) {
  const int code = KeepAliveAlone([this](uint64_t restarts) {
    EXPECT_EQ(static_cast<uint64_t>(starts()++), restarts);
    if (restarts < 2) ::raise(SIGKILL);
    sigset_t term;
    ::sigemptyset(&term);
    ::sigaddset(&term, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &term, nullptr);
    ::kill(::getppid(), SIGTERM);
    int signal = 0;
    ::sigwait(&term, &signal);
    ::_exit(7);
    return 0;
  });
  EXPECT_EQ(code, 7);
  EXPECT_EQ(starts(), 3);
}

TEST_F(KeepAliveTest, OneThatIsAskedToEndIsStartedAgain) {
  const int code = KeepAliveAlone([this](uint64_t) {
    if (starts()++ > 0) {
      ::signal(SIGTERM, SIG_IGN);  // which is passed on
      ::kill(::getppid(), SIGTERM);
    }
    ::_exit(0);
    return 0;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(starts(), 2);
}

}  // namespace
}  // namespace sluice::daemon

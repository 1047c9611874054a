#include "daemon/system_calls.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace sluice::daemon {
namespace {

// What the daemon and its libraries were seen to call in the integration tests, and what other versions of them call
// for the same. A name that an architecture does not have is passed over.
constexpr const char* kAllowed[] = {
    // files
    "access", "close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
    "fallocate", "fchmod", "fchmodat", "fcntl", "fdatasync", "fgetxattr", "flock", "fstat", "fstatfs", "fsync",
    "ftruncate", "getcwd", "getdents64", "linkat", "lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat",
    "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
    "readlinkat", "readv", "rename", "renameat", "renameat2", "rmdir", "stat", "statfs", "statx", "sync_file_range",
    "umask", "unlink", "unlinkat", "utimensat", "write", "writev",
    // io_uring, events, time
    "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "eventfd2", "gettimeofday", "io_uring_enter", "io_uring_register", "io_uring_setup", "nanosleep",
    "pipe2", "poll", "ppoll", "pselect6", "select", "timerfd_create", "timerfd_gettime", "timerfd_settime",
    // sockets
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
    "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair",
    // memory
    "brk", "get_mempolicy", "madvise", "mbind", "membarrier", "mlock", "mmap", "mprotect", "mremap", "msync", "munlock",
    "munmap", "set_mempolicy",
    // threads and signals
    "arch_prctl", "exit", "exit_group", "futex", "get_robust_list", "getcpu", "gettid", "restart_syscall", "rseq",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
    "sched_setaffinity", "sched_setattr", "sched_yield", "set_robust_list", "set_tid_address", "sigaltstack", "tgkill",
    // about itself and the machine
    "getegid", "geteuid", "getgid", "getgroups", "getpid", "getppid", "getrandom", "getrlimit", "getrusage", "getuid",
    "prctl", "prlimit64", "setrlimit", "sysinfo", "times", "uname"};

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

bool Allow(const Filter& filter, const char* name) {
  const int number = ::seccomp_syscall_resolve_name(name);
  return number == __NR_SCMP_ERROR || ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0) == 0;
}

bool AllowIf(const Filter& filter, int number, scmp_arg_cmp argument) {
  return ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 1, argument) == 0;
}

bool AllowSockets(const Filter& filter) {
  for (const scmp_datum_t family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {  // the last for getaddrinfo
    if (!AllowIf(filter, SCMP_SYS(socket), {0, SCMP_CMP_EQ, family, 0})) return false;
  }
  return true;
}

// Threads, but no processes and no namespaces. clone3, whose flags a filter cannot see, is not there for the C library,
// which then uses clone.
bool AllowThreads(const Filter& filter) {
  constexpr scmp_datum_t kNamespaces =
      CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  return AllowIf(filter, SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, kNamespaces | CLONE_THREAD, CLONE_THREAD});
}

// Not the one with which a program types into its terminal.
bool AllowIoctl(const Filter& filter) { return AllowIf(filter, SCMP_SYS(ioctl), {1, SCMP_CMP_NE, TIOCSTI, 0}); }

}  // namespace

StatusOr<bool> AllowSystemCalls() {
  if (::prctl(PR_GET_SECCOMP) < 0) return false;
  const Filter filter(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), &::seccomp_release);
  bool complete = filter != nullptr && AllowSockets(filter) && AllowThreads(filter) && AllowIoctl(filter);
  for (const char* name : kAllowed) complete = complete && Allow(filter, name);
  if (!complete) return Internal("the seccomp filter cannot be built");
  if (const int error = ::seccomp_load(filter.get()); error != 0) return ErrnoStatus(-error, "load the seccomp filter");
  return true;
}

}  // namespace sluice::daemon

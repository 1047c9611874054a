#include "daemon/confinement.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "common/unique_fd.h"
#include "daemon/system_calls.h"

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLUICE_INSTRUMENTED 1
#endif

namespace sluice::daemon {
namespace {

// From linux/landlock.h of 6.12 (ABI 6); the headers of supported distributions know less.
constexpr uint64_t kExecute = 1 << 0;
constexpr uint64_t kWriteFile = 1 << 1;
constexpr uint64_t kReadFile = 1 << 2;
constexpr uint64_t kReadDirectory = 1 << 3;
constexpr uint64_t kRemove = 1 << 4 | 1 << 5;
constexpr uint64_t kMakeCharacterDevice = 1 << 6;
constexpr uint64_t kMakeDirectory = 1 << 7;
constexpr uint64_t kMakeFile = 1 << 8;
constexpr uint64_t kMakeSocket = 1 << 9;
constexpr uint64_t kMakeOther = 1 << 10 | 1 << 11 | 1 << 12;
constexpr uint64_t kRefer = 1 << 13;
constexpr uint64_t kTruncate = 1 << 14;
constexpr uint64_t kDeviceIoctl = 1 << 15;
constexpr uint64_t kBindTcp = 1 << 0;
constexpr uint64_t kScopes = 1 << 0 | 1 << 1;  // abstract unix sockets, signals

constexpr uint64_t kRead = kReadFile | kReadDirectory;
constexpr uint64_t kWrite =
    kRead | kWriteFile | kRemove | kMakeDirectory | kMakeFile | kMakeSocket | kRefer | kTruncate;
constexpr uint64_t kHandled = kWrite | kExecute | kMakeCharacterDevice | kMakeOther | kDeviceIoctl;
constexpr uint64_t kOfFiles = kReadFile | kWriteFile | kTruncate | kExecute | kDeviceIoctl;

constexpr const char* kSystemPaths[] = {"/etc",       "/usr",         "/lib",
                                        "/lib64",     "/proc",        "/sys/devices",
                                        "/sys/block", "/sys/dev",     "/run/systemd/resolve",
                                        "/dev/null",  "/dev/urandom", "/dev/zero"};

struct RulesetAttributes {
  uint64_t handled_files = 0;
  uint64_t handled_network = 0;
  uint64_t scoped = 0;
};
struct [[gnu::packed]] PathRule {
  uint64_t allowed;
  int32_t parent_fd;
};
struct PortRule {
  uint64_t allowed;
  uint64_t port;
};
enum RuleType : int { kPathBeneath = 1, kNetPort = 2 };

uint64_t KnownTo(long version) {
  uint64_t known = kRefer - 1;
  if (version >= 2) known |= kRefer;
  if (version >= 3) known |= kTruncate;
  if (version >= 5) known |= kDeviceIoctl;
  return known;
}

class Landlock {
 public:
  // The version of the kernel's interface; below 1: there is none.
  static long Version() { return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1); }

  explicit Landlock(long version) : handled_files_(kHandled & KnownTo(version)) {
    const RulesetAttributes attributes{handled_files_, version >= 4 ? kBindTcp : 0, version >= 6 ? kScopes : 0};
    const size_t known = version >= 6 ? sizeof attributes : version >= 4 ? 16 : 8;
    ruleset_.reset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, known, 0)));
    has_network_ = version >= 4;
  }

  Status Allow(const std::string& path, uint64_t access, bool may_be_missing) const {
    const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!fd.valid()) return may_be_missing ? absl::OkStatus() : ErrnoStatus(errno, path);
    PathRule rule{access & handled_files_, fd.get()};
    if (Add(kPathBeneath, &rule)) return absl::OkStatus();
    rule.allowed &= kOfFiles;  // it is no directory
    return Add(kPathBeneath, &rule) ? absl::OkStatus() : ErrnoStatus(errno, "a Landlock rule for " + path);
  }

  Status AllowPort(uint16_t port) const {
    const PortRule rule{kBindTcp, port};
    if (!has_network_ || Add(kNetPort, &rule)) return absl::OkStatus();
    return ErrnoStatus(errno, fmt::format("a Landlock rule for port {}", port));
  }

  Status Enforce() const {
    if (::syscall(SYS_landlock_restrict_self, ruleset_.get(), 0) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "landlock_restrict_self");
  }

 private:
  bool Add(RuleType type, const void* rule) const {
    return ::syscall(SYS_landlock_add_rule, ruleset_.get(), type, rule, 0) == 0;
  }

  const uint64_t handled_files_;
  bool has_network_ = false;
  UniqueFd ruleset_;
};

Status ConfineFiles(const ConfinedTo& to, long version) {
  const Landlock landlock(version);
  for (const std::string& path : to.writable) RETURN_IF_ERROR(landlock.Allow(path, kWrite, false));
  for (const std::string& path : to.readable) RETURN_IF_ERROR(landlock.Allow(path, kRead, true));
  for (const char* path : kSystemPaths) RETURN_IF_ERROR(landlock.Allow(path, kRead, true));
  RETURN_IF_ERROR(landlock.Allow("/dev/null", kRead | kWriteFile, true));
  if (to.tcp_port) RETURN_IF_ERROR(landlock.AllowPort(*to.tcp_port));
  return landlock.Enforce();
}

}  // namespace

StatusOr<std::string> Confine(const ConfinedTo& to) {
#ifdef SLUICE_INSTRUMENTED
  return "nothing: this build has sanitizers";
#endif
  std::vector<std::string> in_force;
  if (::prctl(PR_SET_DUMPABLE, 0) == 0) in_force.emplace_back("not dumpable");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "no_new_privs");
  if (const long version = Landlock::Version(); version >= 1) {
    RETURN_IF_ERROR(ConfineFiles(to, version));
    in_force.push_back(fmt::format("landlock {}", version));
  }
  ASSIGN_OR_RETURN(const bool filtered, AllowSystemCalls());
  if (filtered) in_force.emplace_back("seccomp");
  return fmt::format("{}", fmt::join(in_force, ", "));
}

}  // namespace sluice::daemon

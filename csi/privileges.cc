#include "csi/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace sluice::csi {
namespace {

constexpr uint64_t Bit(int capability) { return uint64_t{1} << capability; }

}  // namespace

Status KeepCapabilities(std::initializer_list<int> capabilities) {
  uint64_t kept = 0;
  for (const int capability : capabilities) kept |= Bit(capability);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "no_new_privs");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return ErrnoStatus(errno, "ambient capabilities");
  // Beyond the kernel's last one it says EINVAL. The set can be lowered by CAP_SETPCAP only, and need not be without:
  // with no_new_privs it gives nothing.
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if ((kept & Bit(capability)) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM)
      return ErrnoStatus(errno, "the bounding set of capabilities");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, data) != 0) return ErrnoStatus(errno, "capabilities");
  for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    const auto kept_here = static_cast<uint32_t>(kept >> (32 * i));
    data[i].effective &= kept_here;
    data[i].permitted &= kept_here;
    data[i].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) != 0) return ErrnoStatus(errno, "capabilities");
  return absl::OkStatus();
}

Status KeepRightsToStartDaemons() {
  return KeepCapabilities({CAP_SYS_ADMIN,                            // mount
                           CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE,  // directories of pools and pods
                           CAP_SETUID, CAP_SETGID, CAP_SETPCAP,      // a daemon as its own user
                           CAP_KILL, CAP_SYS_PTRACE,                 // one that was there before
                           CAP_SYS_RESOURCE});                       // its descriptors
}

Status KeepRightToMount(const std::vector<gid_t>& groups) {
  std::vector<gid_t> own(static_cast<size_t>(std::max(::getgroups(0, nullptr), 0)));
  if (::getgroups(static_cast<int>(own.size()), own.data()) < 0) return ErrnoStatus(errno, "the process' groups");
  const bool is_member =
      std::ranges::all_of(groups, [&own](gid_t group) { return std::ranges::find(own, group) != own.end(); });
  if (!is_member && ::setgroups(groups.size(), groups.data()) != 0)
    return ErrnoStatus(errno,
                       "join the groups of the pools (give the process CAP_SETGID to start with, or the groups)");
  return KeepCapabilities({CAP_SYS_ADMIN});
}

}  // namespace sluice::csi

#include "csi/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace sluice::csi {
namespace {

constexpr uint64_t Bit(int capability) { return uint64_t{1} << capability; }

constexpr uint64_t kKept = Bit(CAP_SYS_ADMIN) |                                        // mount
                           Bit(CAP_CHOWN) | Bit(CAP_FOWNER) | Bit(CAP_DAC_OVERRIDE) |  // directories of pools and pods
                           Bit(CAP_SETUID) | Bit(CAP_SETGID) | Bit(CAP_SETPCAP) |
                           Bit(CAP_SETFCAP) |                     // a daemon as its own user; idmapped mounts
                           Bit(CAP_KILL) | Bit(CAP_SYS_PTRACE) |  // one that was there before
                           Bit(CAP_SYS_RESOURCE);                 // its descriptors

}  // namespace

Status DropPrivileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "no_new_privs");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return ErrnoStatus(errno, "ambient capabilities");
  // Beyond the kernel's last one it says EINVAL. The set can be lowered by CAP_SETPCAP only, and need not be without:
  // with no_new_privs it gives nothing.
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if ((kKept & Bit(capability)) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM)
      return ErrnoStatus(errno, "the bounding set of capabilities");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, data) != 0) return ErrnoStatus(errno, "capabilities");
  for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    const auto kept = static_cast<uint32_t>(kKept >> (32 * i));
    data[i].effective &= kept;
    data[i].permitted &= kept;
    data[i].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) != 0) return ErrnoStatus(errno, "capabilities");
  return absl::OkStatus();
}

}  // namespace sluice::csi

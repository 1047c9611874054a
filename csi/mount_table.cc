#include "csi/mount_table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace sluice::csi {
namespace {

// From linux/mount.h and linux/stat.h of 6.13, which the headers of supported distributions do not have yet.
constexpr long kSysStatmount = 457;
constexpr unsigned kStatxMntIdUnique = 0x4000;

constexpr uint64_t kSuperblock = 0x1;
constexpr uint64_t kRoot = 0x8;
constexpr uint64_t kPoint = 0x10;
constexpr uint64_t kType = 0x20;
constexpr uint64_t kSubtype = 0x100;
constexpr uint64_t kSource = 0x200;
constexpr uint64_t kAlwaysThere = kSuperblock | kRoot | kPoint | kType;

struct MountRequest {
  uint32_t size;
  uint32_t namespace_fd;
  uint64_t mount_id;
  uint64_t fields;
};

// Texts are offsets from the end of this.
struct MountAnswer {
  uint32_t size;
  uint32_t options;
  uint64_t fields;  // that are there
  uint32_t device_major;
  uint32_t device_minor;
  uint64_t superblock_magic;
  uint32_t superblock_flags;
  uint32_t type;
  uint64_t id;
  uint64_t parent_id;
  uint32_t old_id;
  uint32_t old_parent_id;
  uint64_t attributes;
  uint64_t propagation;
  uint64_t peer_group;
  uint64_t master;
  uint64_t propagate_from;
  uint32_t root;
  uint32_t point;
  uint64_t namespace_id;
  uint32_t subtype;
  uint32_t source;
  uint64_t spare[48];
};
static_assert(offsetof(MountAnswer, root) == 104 && sizeof(MountAnswer) == 512);

// mountinfo writes blanks and others as \ooo.
std::string Unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// ID PARENT MAJ:MIN ROOT PATH OPTIONS [FIELDS…] - TYPE SOURCE SUPEROPTIONS
MountInfo ParseMount(const std::string& line) {
  std::istringstream words(line);
  std::string skipped;
  MountInfo mount;
  words >> skipped >> skipped >> mount.device >> mount.root >> mount.path >> skipped;
  while (words >> skipped && skipped != "-") {
  }
  words >> mount.type >> mount.source;
  mount.path = Unescape(mount.path);
  mount.root = Unescape(mount.root);
  mount.source = Unescape(mount.source);
  return mount;
}

// The mounts whose line begins so.
StatusOr<std::vector<MountInfo>> ReadMountinfo(const std::string& begins) {
  std::ifstream file("/proc/self/mountinfo");
  if (!file) return Internal("/proc/self/mountinfo cannot be read");
  std::vector<MountInfo> mounts;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(begins)) mounts.push_back(ParseMount(line));
  }
  return mounts;
}

}  // namespace

StatusOr<std::vector<MountInfo>> ListMounts() { return ReadMountinfo(""); }

StatusOr<std::optional<MountInfo>> FindInMountinfo(uint64_t id) {
  ASSIGN_OR_RETURN(std::vector<MountInfo> mounts, ReadMountinfo(fmt::format("{} ", id)));
  if (mounts.empty()) return std::nullopt;
  return std::move(mounts.front());
}

StatusOr<std::optional<MountInfo>> StatMount(uint64_t unique_id) {
  // A path has at most 4 KiB, and a source is what somebody gave to mount(2).
  struct {
    MountAnswer answer;
    std::array<char, 16 * 1024> texts;
  } buffer;
  const MountRequest request{sizeof request, 0, unique_id, kAlwaysThere | kSubtype | kSource};
  if (::syscall(kSysStatmount, &request, &buffer, sizeof buffer, 0) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return Unimplemented("statmount({}): {}", unique_id, std::strerror(errno));
  }
  const MountAnswer& answer = buffer.answer;
  // A kernel before 6.13 knows neither subtype nor source; a newer one leaves out a subtype that is not there.
  if ((answer.fields & (kAlwaysThere | kSource)) != (kAlwaysThere | kSource)) {
    return Unimplemented("statmount({}): fields {:#x} are all there is", unique_id, answer.fields);
  }
  const auto text = [&](uint32_t offset) { return std::string(buffer.texts.data() + offset); };
  MountInfo mount{text(answer.point), fmt::format("{}:{}", answer.device_major, answer.device_minor), text(answer.type),
                  text(answer.source), text(answer.root)};
  if ((answer.fields & kSubtype) != 0) mount.type += "." + text(answer.subtype);
  return mount;
}

StatusOr<std::optional<MountInfo>> FindMount(const std::string& path) {
  // Most paths that are asked for are no mount, which statx tells. Older kernels give the old id, and say so.
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  struct statx about{};
  if (::statx(AT_FDCWD, path.c_str(), kFlags, kStatxMntIdUnique, &about) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return ErrnoStatus(errno, path);
  }
  if ((about.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return std::nullopt;
  if ((about.stx_mask & kStatxMntIdUnique) != 0) {
    auto mount = StatMount(about.stx_mnt_id);
    if (mount.ok() || !absl::IsUnimplemented(mount.status())) return mount;
  }
  if (::statx(AT_FDCWD, path.c_str(), kFlags, STATX_MNT_ID, &about) != 0) return ErrnoStatus(errno, path);
  return FindInMountinfo(about.stx_mnt_id);
}

}  // namespace sluice::csi

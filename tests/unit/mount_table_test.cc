#include "csi/mount_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <tuple>

namespace sluice::csi {
namespace {

constexpr unsigned kStatxMntIdUnique = 0x4000;

auto Fields(const MountInfo& mount) { return std::tie(mount.path, mount.device, mount.type, mount.source, mount.root); }

uint64_t MountId(const std::string& path, unsigned which) {
  struct statx about{};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, which, &about) != 0) return 0;
  return (about.stx_mask & which) != 0 ? about.stx_mnt_id : 0;
}

TEST(MountTable, BothWaysToAskForAMountTellTheSame) {
  const auto mounts = ListMounts();
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  int compared = 0;
  for (const MountInfo& listed : *mounts) {
    const uint64_t unique_id = MountId(listed.path, kStatxMntIdUnique);
    if (unique_id == 0) continue;  // hidden, or an older kernel
    const auto asked = StatMount(unique_id);
    if (absl::IsUnimplemented(asked.status())) GTEST_SKIP() << asked.status();
    const auto found = FindInMountinfo(MountId(listed.path, STATX_MNT_ID));
    ASSERT_TRUE(asked.ok() && asked->has_value()) << listed.path;
    ASSERT_TRUE(found.ok() && found->has_value()) << listed.path;
    EXPECT_EQ(Fields(**asked), Fields(**found));
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST(MountTable, WhatIsNoMountOrNotThereIsNone) {
  for (const char* path : {"/proc/self", "/proc/none/of/it"}) {
    const auto found = FindMount(path);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_FALSE(found->has_value()) << path;
  }
}

TEST(MountTable, AMountIsFoundAtItsPath) {
  const auto found = FindMount("/proc");
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->path, "/proc");
  EXPECT_EQ((*found)->type, "proc");
  EXPECT_EQ((*found)->root, "/");
}

}  // namespace
}  // namespace sluice::csi

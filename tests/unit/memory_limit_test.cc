#include "common/memory_limit.h"

#include <filesystem>
#include <fstream>

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

class MemoryLimitTest : public testing::Test {
 protected:
  void Put(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  TempDir root;
};

TEST_F(MemoryLimitTest, IsTheMachinesWithoutGroups) {
  const uint64_t machine = MemoryLimit(root.path());
  EXPECT_GT(machine, 256 * kMiB);
  Put("/proc/self/cgroup", "0::/a");
  Put("/sys/fs/cgroup/a/memory.max", "max");
  EXPECT_EQ(MemoryLimit(root.path()), machine);
}

TEST_F(MemoryLimitTest, IsTheLeastOfTheGroupsAbove) {
  Put("/proc/self/cgroup", "0::/a/b/c");
  Put("/sys/fs/cgroup/a/memory.max", "100000");
  Put("/sys/fs/cgroup/a/b/memory.max", "200000");
  Put("/sys/fs/cgroup/a/b/c/memory.max", "max");
  EXPECT_EQ(MemoryLimit(root.path()), 100000u);
}

TEST_F(MemoryLimitTest, AContainerSeesItsOwnGroupAsTheRoot) {
  Put("/proc/self/cgroup", "0::/");
  Put("/sys/fs/cgroup/memory.max", "100000");
  EXPECT_EQ(MemoryLimit(root.path()), 100000u);
}

TEST_F(MemoryLimitTest, OfTheFirstVersionToo) {
  Put("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/pods/p\n0::/x");
  Put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "300000");  // a container that is told of a path outside
  EXPECT_EQ(MemoryLimit(root.path()), 300000u);
  Put("/sys/fs/cgroup/memory/pods/p/memory.limit_in_bytes", "200000");
  EXPECT_EQ(MemoryLimit(root.path()), 200000u);
}

PoolConfig Pool(uint64_t fill, uint64_t dram) {
  PoolConfig pool;
  pool.fill_memory_bytes = fill;
  pool.tiers = {{.medium = "dram", .path = "", .quota_bytes = dram},
                {.medium = "ssd", .path = "", .quota_bytes = 100 * kGiB}};
  return pool;
}

std::string Fit(const PoolConfigs& pools, uint64_t limit, PoolConfig* pool) {
  *pool = pools.begin()->second;
  return FitMemory(pools, limit, pool);
}

TEST(FitMemory, LeavesWhatFits) {
  PoolConfig pool;
  EXPECT_EQ(Fit({{"a", Pool(256 * kMiB, 4 * kGiB)}}, 4 * kGiB + 384 * kMiB, &pool), "");
  EXPECT_EQ(pool.tiers[0].quota_bytes, 4 * kGiB);
}

TEST(FitMemory, LowersTheTierFirstAndFillsToAHalf) {
  PoolConfig pool;
  EXPECT_EQ(Fit({{"a", Pool(256 * kMiB, 4 * kGiB)}}, kGiB, &pool), "a DRAM tier of 640 MiB instead of 4.00 GiB");
  EXPECT_EQ(pool.tiers[0].quota_bytes, 640 * kMiB);
  EXPECT_EQ(pool.tiers[1].quota_bytes, 100 * kGiB);
  EXPECT_THAT(Fit({{"a", Pool(256 * kMiB, 4 * kGiB)}}, 228 * kMiB, &pool), testing::HasSubstr("fillMemory 50.0 MiB"));
  EXPECT_EQ(pool.tiers[0].quota_bytes, 50 * kMiB);
}

TEST(FitMemory, PoolsShare) {
  PoolConfig pool;
  Fit({{"a", Pool(256 * kMiB, 3 * kGiB)}, {"b", Pool(256 * kMiB, kGiB)}}, 2 * kGiB + 768 * kMiB, &pool);
  EXPECT_EQ(pool.tiers[0].quota_bytes, 2 * kGiB * 3 / 4);
}

TEST(FitMemory, SomethingIsLeftToWorkWith) {
  PoolConfig pool;
  Fit({{"a", Pool(256 * kMiB, 4 * kGiB)}}, 10 * kMiB, &pool);
  EXPECT_EQ(pool.tiers[0].quota_bytes, 8 * kMiB);
  EXPECT_EQ(pool.fill_memory_bytes, 16 * kMiB);
}

}  // namespace
}  // namespace sluice

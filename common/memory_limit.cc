#include "common/memory_limit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace sluice {
namespace {

constexpr uint64_t kTierMin = 8 * kMiB;  // the least quota that a configuration may have

// The least of the limits in `file` of `group` and those above it, below `mount`.
uint64_t LimitOf(const std::string& mount, std::string group, const std::string& file) {
  uint64_t least = UINT64_MAX;
  for (;;) {
    uint64_t limit = 0;
    // No number ("max") is no limit. A container may see its own group only, and be told of it by a path outside.
    if (std::ifstream in(mount + group + "/" + file); in >> limit) least = std::min(least, limit);
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

uint64_t Share(uint64_t bytes, uint64_t of_all, uint64_t room) {
  return static_cast<uint64_t>(static_cast<double>(bytes) / static_cast<double>(of_all) * static_cast<double>(room));
}

uint64_t DramOf(const PoolConfig& pool) {
  uint64_t bytes = 0;
  for (const TierConfig& tier : pool.tiers) bytes += tier.medium == "dram" ? tier.quota_bytes : 0;
  return bytes;
}

}  // namespace

uint64_t MemoryLimit(const std::string& root) {
  uint64_t least = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // NUMBER:CONTROLLERS:PATH
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    if (controllers == ",,") {
      least = std::min(least, LimitOf(root + "/sys/fs/cgroup", path, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(least, LimitOf(root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::string FitMemory(const PoolConfigs& pools, uint64_t limit_bytes, PoolConfig* pool) {
  uint64_t fills = 0;
  uint64_t drams = 0;
  for (const auto& [name, config] : pools) {
    fills += config.fill_memory_bytes;
    drams += DramOf(config);
  }
  const uint64_t own = kOwnMemoryBytes * pools.size();
  const uint64_t rest = limit_bytes > own ? limit_bytes - own : 0;
  std::string lowered;
  const auto lower = [&lowered](const char* what, uint64_t* bytes, uint64_t to) {
    if (to >= *bytes) return;
    lowered +=
        fmt::format("{}{} {} instead of {}", lowered.empty() ? "" : ", ", what, FormatBytes(to), FormatBytes(*bytes));
    *bytes = to;
  };
  const uint64_t fills_fit = std::min(fills, rest / 2);
  if (fills > fills_fit) {
    // A fetch of full size and the one after it must fit.
    const uint64_t least = 2 * pool->fetch_bytes_max;
    lower("fillMemory", &pool->fill_memory_bytes, std::max(Share(pool->fill_memory_bytes, fills, fills_fit), least));
  }
  if (drams > rest - fills_fit) {
    for (TierConfig& tier : pool->tiers) {
      if (tier.medium != "dram") continue;
      lower("a DRAM tier of", &tier.quota_bytes, std::max(Share(tier.quota_bytes, drams, rest - fills_fit), kTierMin));
    }
  }
  return lowered;
}

}  // namespace sluice

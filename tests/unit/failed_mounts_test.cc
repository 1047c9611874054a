#include "daemon/failed_mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::daemon {
namespace {

std::vector<std::string> IdsOf(const FailedMounts& failed) {
  std::vector<std::string> ids;
  for (const auto& failure : failed.All()) ids.push_back(failure.volume_id());
  return ids;
}

TEST(FailedMounts, EachVolumesLastFailureIsShown) {
  FailedMounts failed;
  failed.Add("a", Unauthenticated("wrong key"), WallTime(std::chrono::seconds(100)));
  failed.Add("b", NotFound("no bucket"), WallTime(std::chrono::seconds(101)));
  failed.Add("a", PermissionDenied("no right"), WallTime(std::chrono::seconds(102)));
  EXPECT_THAT(IdsOf(failed), testing::ElementsAre("b", "a"));
  const auto last = failed.All().back();
  EXPECT_EQ(last.code(), "PERMISSION_DENIED");
  EXPECT_EQ(last.message(), "no right");
  EXPECT_EQ(last.at_seconds(), 102);
  failed.Remove("b");
  failed.Remove("c");
  EXPECT_THAT(IdsOf(failed), testing::ElementsAre("a"));
}

TEST(FailedMounts, TheOldestGoAndMessagesAreCut) {
  FailedMounts failed;
  for (size_t i = 0; i <= FailedMounts::kMax; ++i) {
    failed.Add(std::to_string(i), Unavailable("{}", std::string(100'000, 'x')), WallTime());
  }
  const auto all = failed.All();
  ASSERT_EQ(all.size(), FailedMounts::kMax);
  EXPECT_EQ(all.front().volume_id(), "1");
  EXPECT_LT(all.front().message().size(), FailedMounts::kMessageBytesMax + 10);
}

}  // namespace
}  // namespace sluice::daemon

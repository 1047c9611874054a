#include "source/server_clock.h"

#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

using namespace std::chrono_literals;

const WallTime kTime = std::chrono::system_clock::from_time_t(1767323045);  // of the dates below
constexpr const char* kDate = "Fri, 02 Jan 2026 03:04:05 GMT";
constexpr const char* kSkewed = "<Error><Code>RequestTimeTooSkewed</Code><Message>no</Message></Error>";

class NodeClock : public Clock {
 public:
  WallTime Wall() const override { return now; }
  WallTime now = kTime;
};

class ServerClockTest : public testing::Test {
 protected:
  bool Refuse(int status, const std::string& body, const std::string& date = kDate) {
    return server.Learn({status, {{"date", date}}, body}, server.Now());
  }
  NodeClock node;
  Counter corrections;
  ServerClock server{node, "s3://b at h", &corrections};
};

TEST_F(ServerClockTest, IsThisNodesUntilTheServerRefusesIt) {
  node.now = kTime + 24h;
  EXPECT_EQ(server.Now(), node.now);
  EXPECT_FALSE(Refuse(200, ""));
  EXPECT_EQ(server.Now(), node.now);
  EXPECT_TRUE(Refuse(403, kSkewed));
  EXPECT_EQ(server.Now(), kTime);
  node.now += 10s;
  EXPECT_EQ(server.Now(), kTime + 10s);
  EXPECT_EQ(corrections.value(), 1u);
}

TEST_F(ServerClockTest, RequestsThatWereUnderWayTryAgainToo) {
  node.now = kTime + 24h;
  const WallTime signed_at = server.Now();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(server.Learn({403, {{"date", kDate}}, kSkewed}, signed_at));
  EXPECT_EQ(corrections.value(), 1u) << "it was learnt once";
}

TEST_F(ServerClockTest, FollowsAClockThatIsPutRight) {
  node.now = kTime - 24h;
  EXPECT_TRUE(Refuse(403, kSkewed));
  node.now = kTime;
  EXPECT_EQ(server.Now(), kTime + 24h);
  EXPECT_TRUE(Refuse(403, kSkewed));
  EXPECT_EQ(server.Now(), kTime);
}

TEST_F(ServerClockTest, ARefusedHeadHasNoBodyThatSaysWhy) {
  node.now = kTime - 1h;
  EXPECT_FALSE(Refuse(404, ""));
  EXPECT_TRUE(Refuse(403, ""));
  EXPECT_EQ(server.Now(), kTime);
  EXPECT_FALSE(Refuse(403, "")) << "it is not the time";
}

TEST_F(ServerClockTest, OtherRefusalsAreNotTheTimes) {
  node.now = kTime - 24h;
  EXPECT_FALSE(Refuse(403, "<Error><Code>AccessDenied</Code></Error>"));
  EXPECT_FALSE(Refuse(403, kSkewed, ""));
  EXPECT_FALSE(Refuse(403, kSkewed, "yesterday"));
  EXPECT_FALSE(Refuse(403, kSkewed, "Fri, 11 Apr 2262 23:47:00 GMT"));
  EXPECT_EQ(server.Now(), node.now);
}

TEST_F(ServerClockTest, ServersThatContradictThemselvesAreNotAskedForEver) {
  EXPECT_FALSE(Refuse(403, kSkewed)) << "its Date is what the request was signed with";
}

}  // namespace
}  // namespace sluice::source

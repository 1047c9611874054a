#include "source/server_clock.h"

#include <spdlog/spdlog.h>

#include "source/s3_listing.h"
#include "source/uri.h"

namespace sluice::source {
namespace {

constexpr int64_t kDateMax = 7'258'118'400;  // the year 2200: far from what a WallTime can be

}  // namespace

ServerClock::ServerClock(const Clock& clock, std::string server, Counter* corrections)
    : clock_(clock), server_(std::move(server)), corrections_(corrections) {}

WallTime ServerClock::Now() const { return clock_.Wall() + ahead_; }

bool ServerClock::Learn(const HttpReply& reply, WallTime signed_at) {
  if (reply.status != 403) return false;
  const std::string code = ParseS3Error(reply.body).code;
  if (!code.empty() && code != "RequestTimeTooSkewed") return false;
  const int64_t date = ParseHttpDate(reply.header("date"));
  if (date <= 0 || date > kDateMax) return false;
  const WallTime theirs = std::chrono::system_clock::from_time_t(date);
  if (std::chrono::abs(theirs - signed_at) < kSkewMin) return false;
  const auto ahead = theirs - clock_.Wall();
  const bool news = std::chrono::abs(ahead - ahead_) >= kSkewMin;  // not what another request has learnt meanwhile
  ahead_ = ahead;
  if (!news) return true;
  if (corrections_ != nullptr) corrections_->Add();
  spdlog::warn("{} refused this node's time; its clock is {:+} s from ours, and requests are signed with its time",
               server_, std::chrono::round<std::chrono::seconds>(ahead_).count());
  return true;
}

}  // namespace sluice::source

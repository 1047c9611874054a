// The time that requests to one server are signed with: this node's, put right by what the server says.
//
// Servers refuse a signature that is some minutes off (S3: 15) and say what time it is. So a node whose clock is wrong,
// or jumps while volumes are mounted, costs one more request. Only refused requests are believed, so that a server's
// odd Date changes nothing while the node's own time is accepted.
//
// Threads:  one.
#pragma once

#include "common/clock.h"
#include "common/metrics.h"
#include "source/http_client.h"

namespace sluice::source {

class ServerClock {
 public:
  // Nearer than this to the server's Date, the time is not why a request was refused.
  static constexpr Duration kSkewMin = std::chrono::minutes(1);

  // `corrections`, which may be null, counts what was learnt. `server` is its name in the log.
  ServerClock(const Clock& clock, std::string server, Counter* corrections);

  WallTime Now() const;

  // Whether `reply` refuses a request for the time it was signed with; Now() is the server's then, and the request
  // worth another try. Replies to HEAD have no body that says why: for them a 403 and a Date that is far off are
  // enough.
  bool Learn(const HttpReply& reply, WallTime signed_at);

 private:
  const Clock& clock_;
  const std::string server_;
  Counter* const corrections_;
  WallTime::duration ahead_{0};  // of this node's clock
};

}  // namespace sluice::source

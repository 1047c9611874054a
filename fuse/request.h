// What every operation does with its request: finds its session, counts its time, says what failed.
//
// Threads:  any; a request belongs to whoever is to reply.
#pragma once

#include "common/clock.h"
#include "common/metrics.h"
#include "common/status.h"
#include "fuse/fuse_api.h"
#include "fuse/session.h"

namespace sluice::fuse {

inline Session& Of(fuse_req_t request) { return *static_cast<Session*>(fuse_req_userdata(request)); }

// Replies with the errno of `status`; what is not ENOENT is counted and logged. What was broken off since the session
// has stopped gets no reply: the next process is sent the request again.
void ReplyError(fuse_req_t request, const Status& status);

// Observes an operation's latency when it goes.
class Timer {
 public:
  explicit Timer(Histogram& histogram) : histogram_(histogram), start_(Clock::System().Now()) {}
  ~Timer() { histogram_.Observe(Clock::System().Now() - start_); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  Histogram& histogram_;
  const Instant start_;
};

}  // namespace sluice::fuse

#include "io/thread.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace sluice::io {
namespace {

// The kernel's struct sched_attr, first version: its header and the C library's cannot be used together.
struct SchedulingAttributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns, deadline_ns, period_ns;
};

// The kernel's own is 3 ms (less where there are few processors); it takes 0.1 to 100 ms.
constexpr uint64_t kShortNs = 200'000;
constexpr uint64_t kLongNs = 10'000'000;
constexpr int32_t kBehindNice = 10;

}  // namespace

void BeginThread(const char* name, Turns turns) {
  ::pthread_setname_np(::pthread_self(), name);
  if (turns == Turns::kUsual) return;
  SchedulingAttributes attributes{};
  attributes.size = sizeof attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  attributes.runtime_ns = turns == Turns::kShort ? kShortNs : kLongNs;
  if (turns == Turns::kBehind) attributes.nice = kBehindNice;
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0);  // a matter of speed only
}

}  // namespace sluice::io

// What a thread is for: its name, and how the kernel shares the processor with it.
//
// Where a reader waits for a thread that itself waits for work most of the time, that thread must run as soon as it is
// woken; threads that move bulk data are content with their share, in longer turns (Linux 6.12; earlier kernels know
// one length of turn). What nobody waits for stays behind all that, with a tenth of the usual share where others want
// it. No right is needed for any of it.
#pragma once

#include <chrono>

namespace sluice::io {

enum class Turns { kShort, kUsual, kLong, kBehind };

// For the calling thread. `name` has at most 15 characters.
void BeginThread(const char* name, Turns turns);

}  // namespace sluice::io

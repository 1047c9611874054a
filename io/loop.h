// An event loop: one thread that owns state, runs coroutines and timers, and waits on one io_uring.
//
// Where io_uring is forbidden it waits on a condition variable instead, and files are served by a thread pool
// (io/file_io.h) with the same contract.
//
// With a clock that can Skip (common/clock.h), no ring and nobody who posts from another thread it never waits: time
// jumps to the next timer, and a run is the same each time.
//
// Threads:     Post and Stop from any thread; all else on the thread inside Run or Block.
// Suspends:    Sleep and Switch are awaited.
// Owns:        its ring, its timers, posted functions.
// Limits:      posted functions are not bounded here: those who post are (FUSE requests in flight, HTTP transfers).
// Invariants:  what is posted runs in order, and never inside Post.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "common/clock.h"
#include "io/ring.h"
#include "io/task.h"

namespace sluice::io {

class Loop {
 public:
  // `use_ring` false, or a machine that forbids io_uring: ring() is null.
  explicit Loop(bool use_ring = true, const Clock& clock = Clock::System());
  ~Loop();

  void Post(std::function<void()> function);
  void Stop();

  // Runs until Stop.
  void Run();

  // Runs until `task` is done, and gives its value. For start-up and tests.
  template <typename T>
  T Block(Task<T> task);

  // Queues a suspended coroutine to go on in this turn of the loop.
  void Resume(std::coroutine_handle<> handle) { ready_.push_back(handle); }

  // Awaitable: goes on after `delay`, by this loop's clock.
  auto Sleep(Duration delay) {
    struct Awaiter {
      Loop& loop;
      Duration delay;
      bool await_ready() const { return delay.count() <= 0; }
      void await_suspend(std::coroutine_handle<> handle) {
        loop.timers_.emplace(loop.clock_.Now() + delay, Timer{handle, {}});
      }
      void await_resume() {}
    };
    return Awaiter{*this, delay};
  }

  // Calls `function` after `delay`, unless the loop goes before that: for deadlines that mostly do not come.
  void After(Duration delay, std::function<void()> function) {
    timers_.emplace(clock_.Now() + delay, Timer{{}, std::move(function)});
  }

  // Null when io_uring is not used. Valid on the loop's thread only.
  Ring* ring() { return ring_.get(); }
  const Clock& clock() const { return clock_; }

 private:
  // One turn: waits at most until the next timer, then runs all that is ready.
  void Turn();
  void RunReady();
  void Enter();
  template <typename T>
  static Task<void> Finish(Task<T> task, std::optional<T>* value, bool* done);

  const Clock& clock_;
  const bool use_ring_;
  std::unique_ptr<Ring> ring_;
  std::atomic<bool> stop_{false};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> posted_;  // GUARDED_BY mutex_
  std::atomic<bool> waiting_{false};

  std::deque<std::coroutine_handle<>> ready_;
  struct Timer {
    std::coroutine_handle<> sleeper;
    std::function<void()> function;  // when nobody sleeps
  };
  std::multimap<Instant, Timer> timers_;
};

template <typename T>
Task<void> Loop::Finish(Task<T> task, std::optional<T>* value, bool* done) {
  value->emplace(co_await task);
  *done = true;
}

template <typename T>
T Loop::Block(Task<T> task) {
  Enter();
  std::optional<T> value;
  bool done = false;
  Spawn(Finish(std::move(task), &value, &done));
  while (!done) Turn();
  return std::move(*value);
}

}  // namespace sluice::io

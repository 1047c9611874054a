// Threads for the system calls that io_uring does not have (getdents, openat2 with a rule) or may not do.
//
// Threads:   Run on the loop; `work` runs on one of the pool's threads and touches nothing of the loop's.
// Suspends:  Run.
// Limits:    `threads` at a time; the rest queue up, bounded by the coroutines that await.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "io/loop.h"

namespace sluice::io {

class BlockingPool {
 public:
  BlockingPool(Loop& loop, size_t threads);
  ~BlockingPool();  // finishes what is queued; the loop must not be awaiting it any more

  // Awaitable: the result of work(), computed on a thread of the pool.
  template <typename Work>
  Task<std::invoke_result_t<Work>> Run(Work work) {
    std::optional<std::invoke_result_t<Work>> result;
    Awaiter awaiter{*this, [&] { result.emplace(work()); }};
    co_await awaiter;
    co_return std::move(*result);
  }

  // Runs `job` on a thread of the pool. Any thread.
  void Start(std::function<void()> job);
  Loop& loop() { return loop_; }

 private:
  struct Awaiter {
    BlockingPool& pool;
    std::function<void()> work;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      pool.Start([this, handle] {
        work();
        pool.loop_.Post([handle] { handle.resume(); });
      });
    }
    void await_resume() {}
  };
  void Work();

  Loop& loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::io

// Waiting inside one loop: Event, Semaphore with classes of urgency, Gate, Latch over many tasks.
//
// Threads:     loop-confined; no locks, no atomics.
// Suspends:    every Wait and Acquire.
// Limits:      waiters are bounded by the coroutines that exist.
// Invariants:  a waiter is resumed through Loop::Resume, never from inside the call that wakes it.
#pragma once

#include <array>
#include <cassert>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <vector>

#include "io/loop.h"

namespace sluice::io {

// Waiters wait until the next Notify. Re-check the condition after each wait.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}

  auto Wait() {
    struct Awaiter {
      Event& event;
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> handle) { event.waiters_.push_back(handle); }
      void await_resume() {}
    };
    return Awaiter{*this};
  }

  void Notify() {
    for (const auto waiter : waiters_) loop_.Resume(waiter);
    waiters_.clear();
  }

 private:
  Loop& loop_;
  std::vector<std::coroutine_handle<>> waiters_;
};

// Who waits for whom: a reader that somebody watches, bytes ahead of a reader, a prewarm nobody waits for.
enum class Urgency { kForeground = 0, kReadAhead = 1, kPrewarm = 2 };
inline constexpr size_t kUrgencies = 3;

// `capacity` units shared by classes of urgency: the more urgent waiter is always served first, and the less urgent
// classes may not take the last quarter (kPrewarm: the last half), so that a foreground read never waits for them
// to give back all.
class Semaphore {
 public:
  Semaphore(Loop& loop, uint64_t capacity) : loop_(loop), capacity_(capacity) {}

  // More than the capacity is granted when all of it is free. Pair with Release(units).
  auto Acquire(uint64_t units, Urgency urgency) {
    struct Awaiter {
      Semaphore& semaphore;
      Waiter waiter;
      bool await_ready() {
        if (!semaphore.MayTake(waiter.units, waiter.urgency)) return false;
        semaphore.used_ += waiter.units;
        return true;
      }
      void await_suspend(std::coroutine_handle<> handle) {
        waiter.handle = handle;
        semaphore.waiting_[static_cast<size_t>(waiter.urgency)].push_back(waiter);
      }
      void await_resume() {}
    };
    return Awaiter{*this, Waiter{units, urgency, {}}};
  }

  void Release(uint64_t units) {
    assert(units <= used_);
    used_ -= units;
    ServeWaiters();
  }

  // Takes effect on those who wait already. What is beyond a lower one comes back as it is released.
  void SetCapacity(uint64_t capacity) {
    capacity_ = capacity;
    ServeWaiters();
  }

  uint64_t used() const { return used_; }
  uint64_t capacity() const { return capacity_; }

 private:
  struct Waiter {
    uint64_t units;
    Urgency urgency;
    std::coroutine_handle<> handle;
  };

  void ServeWaiters() {
    for (auto& queue : waiting_) {
      while (!queue.empty() && Fits(queue.front().units, queue.front().urgency)) {
        used_ += queue.front().units;
        loop_.Resume(queue.front().handle);
        queue.pop_front();
      }
      if (!queue.empty()) return;  // the less urgent wait behind the more urgent
    }
  }
  bool Fits(uint64_t units, Urgency urgency) const {
    const uint64_t share = urgency == Urgency::kForeground  ? capacity_
                           : urgency == Urgency::kReadAhead ? capacity_ / 4 * 3
                                                            : capacity_ / 2;
    return used_ == 0 || used_ + units <= share;
  }
  bool MayTake(uint64_t units, Urgency urgency) const {
    for (size_t i = 0; i <= static_cast<size_t>(urgency); ++i) {
      if (!waiting_[i].empty()) return false;
    }
    return Fits(units, urgency);
  }

  Loop& loop_;
  uint64_t capacity_;
  uint64_t used_ = 0;
  std::array<std::deque<Waiter>, kUrgencies> waiting_;
};

// Counts tasks under way, so that their owner can wait for the last one before it goes.
class Gate {
 public:
  explicit Gate(Loop& loop) : empty_(loop) {}

  // Held by a task while it runs.
  class Holder {
   public:
    explicit Holder(Gate& gate) : gate_(&gate) { ++gate.count_; }
    Holder(Holder&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Holder& operator=(Holder&&) = delete;
    ~Holder() {
      if (gate_ != nullptr && --gate_->count_ == 0) gate_->empty_.Notify();
    }

   private:
    Gate* gate_;
  };

  Holder Enter() { return Holder(*this); }
  bool closed() const { return closed_; }
  size_t count() const { return count_; }

  // No new work is to start; waits until what runs has ended.
  Task<void> Close() {
    closed_ = true;
    while (count_ > 0) co_await empty_.Wait();
  }

 private:
  size_t count_ = 0;
  bool closed_ = false;
  Event empty_;
};

}  // namespace sluice::io

#include "io/loop.h"

#include <algorithm>

namespace sluice::io {
namespace {

// With nothing to do a loop looks at the world this often: only a backstop, every event wakes it.
constexpr Duration kIdleWait = std::chrono::seconds(60);

}  // namespace

Loop::Loop(bool use_ring, const Clock& clock) : clock_(clock), use_ring_(use_ring) {}

Loop::~Loop() = default;

void Loop::Enter() {
  if (use_ring_ && ring_ == nullptr) {
    if (auto ring = Ring::Create(); ring.ok()) {
      const std::lock_guard lock(mutex_);  // Post looks at ring_
      ring_ = std::move(*ring);
    }
  }
}

void Loop::Post(std::function<void()> function) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(function));
  if (!waiting_) return;
  if (ring_ != nullptr) {
    ring_->Wake();
  } else {
    wake_.notify_one();
  }
  waiting_ = false;
}

void Loop::Stop() {
  Post([this] { stop_ = true; });
}

void Loop::Run() {
  Enter();
  while (!stop_) Turn();
}

void Loop::Turn() {
  Duration timeout = kIdleWait;
  if (!timers_.empty()) timeout = std::clamp(timers_.begin()->first - clock_.Now(), Duration(0), kIdleWait);
  if (!ready_.empty()) timeout = Duration(0);
  {
    std::unique_lock lock(mutex_);
    if (!posted_.empty()) timeout = Duration(0);
    if (timeout.count() > 0 && clock_.Skip(timeout)) timeout = Duration(0);
    waiting_ = timeout.count() > 0;
    if (ring_ == nullptr && waiting_) {
      wake_.wait_for(lock, timeout, [this] { return !posted_.empty(); });
    }
  }
  if (ring_ != nullptr) ring_->Wait(timeout);
  waiting_ = false;
  RunReady();
}

void Loop::RunReady() {
  std::deque<std::function<void()>> posted;
  {
    const std::lock_guard lock(mutex_);
    posted.swap(posted_);
  }
  for (auto& function : posted) function();
  while (!timers_.empty() && timers_.begin()->first <= clock_.Now()) {
    const Timer timer = std::move(timers_.extract(timers_.begin()).mapped());
    timer.sleeper ? ready_.push_back(timer.sleeper) : timer.function();
  }
  while (!ready_.empty()) {
    const std::coroutine_handle<> handle = ready_.front();
    ready_.pop_front();
    handle.resume();
  }
}

}  // namespace sluice::io

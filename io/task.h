// Task<T>: a lazy coroutine with one owner.
//
// A Task starts when it is awaited, runs on the loop that awaits it, and gives its value once. Flows that wait are
// Tasks; everything else in this project is a plain function.
//
//   Task<StatusOr<Block>> Load(Key key) { … co_await device.Read(…); … co_return block; }
//   Spawn(Serve(request));            // detached: the frame frees itself at the end
//
// Threads:     a Task and all that it awaits live on one loop.
// Owns:        the coroutine's frame. Parameters are taken by value, or by reference to something that outlives it.
// Errors:      carried in T (Status, StatusOr). An exception ends the process: nothing here throws.
// Invariants:  no capturing lambda is a coroutine: its captures die before the coroutine does.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace sluice::io {

template <typename T>
class Task;

namespace internal {

// Resumes whoever awaits the finished Task, without growing the stack.
struct FinalAwaiter {
  bool await_ready() noexcept { return false; }
  template <typename Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) noexcept {
    const std::coroutine_handle<> waiter = done.promise().waiter;
    return waiter ? waiter : std::noop_coroutine();
  }
  void await_resume() noexcept {}
};

struct PromiseBase {
  std::coroutine_handle<> waiter;
  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() { std::terminate(); }
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T Take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void Take() {}
};

// A coroutine that nobody awaits: it starts at once and frees itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

}  // namespace internal

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
    handle_.promise().waiter = waiter;
    return handle_;
  }
  T await_resume() { return handle_.promise().Take(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

template <typename T>
Task<T> internal::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> internal::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// Starts `task` now and lets it run by itself. Whoever must outlive it holds a Gate (io/sync.h).
inline internal::Detached Spawn(Task<void> task) { co_await task; }

}  // namespace sluice::io

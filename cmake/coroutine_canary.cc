// Counts live objects over the coroutine shapes this project uses. Exits with 1 when one is destroyed twice
// or never: the compiler is not fit for the project (g++ 12.2 is not).
#include <coroutine>
#include <functional>
#include <utility>

namespace {

int live = 0;

struct Probe {
  Probe() { ++live; }
  Probe(const Probe&) { ++live; }
  Probe(Probe&&) noexcept { ++live; }
  Probe& operator=(const Probe&) = default;
  ~Probe() { --live; }
};

struct Task {
  struct promise_type {
    int value = 0;
    std::coroutine_handle<> continuation;
    Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        auto next = h.promise().continuation;
        return next ? next : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(int v) { value = v; }
    void unhandled_exception() {}
  };
  explicit Task(std::coroutine_handle<promise_type> h) : handle(h) {}
  Task(Task&& other) noexcept : handle(std::exchange(other.handle, {})) {}
  ~Task() {
    if (handle) handle.destroy();
  }
  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
    handle.promise().continuation = waiter;
    return handle;
  }
  int await_resume() { return handle.promise().value; }
  int Run() {
    handle.resume();
    return handle.promise().value;
  }
  std::coroutine_handle<promise_type> handle;
};

struct Aggregate {
  Probe probe;
  int number = 0;
};

Task Take(Aggregate a) { co_return a.number; }
Task Call(std::function<int()> f) { co_return f(); }
Task AggregateTemporary() { co_return co_await Take(Aggregate{Probe{}, 3}); }
Task BracedArgument() {
  Probe p;
  co_return co_await Take({p, 3});
}
Task CapturingLambda() {
  Probe p;
  co_return co_await Call([p] { return 3; });
}
Task DesignatedInitialiser() { co_return co_await Take({.number = 3}); }

}  // namespace

int main() {
  Task (*shapes[])() = {AggregateTemporary, BracedArgument, CapturingLambda, DesignatedInitialiser};
  for (auto shape : shapes) {
    if (shape().Run() != 3 || live != 0) return 1;
  }
  return 0;
}

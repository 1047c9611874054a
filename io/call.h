// From a thread of its own into a loop: runs a Task there and waits for its result.
//
// Threads:  any but the loop's (it would wait for itself).
// Limits:   waits as long as the Task takes: Tasks carry their own deadlines.
#pragma once

#include <future>

#include "io/loop.h"

namespace sluice::io {

namespace internal {
template <typename T>
Task<void> FulfilWith(Task<T> task, std::promise<T>* promise) {
  promise->set_value(co_await task);
}
inline Task<void> FulfilVoid(Task<void> task, std::promise<void>* promise) {
  co_await task;
  promise->set_value();
}
}  // namespace internal

template <typename T>
T CallOn(Loop& loop, Task<T> task) {
  std::promise<T> promise;
  loop.Post([&] {
    if constexpr (std::is_void_v<T>) {
      Spawn(internal::FulfilVoid(std::move(task), &promise));
    } else {
      Spawn(internal::FulfilWith(std::move(task), &promise));
    }
  });
  return promise.get_future().get();
}

// The same for a plain function.
template <typename Function>
auto RunOn(Loop& loop, Function function) -> std::invoke_result_t<Function> {
  std::promise<std::invoke_result_t<Function>> promise;
  loop.Post([&] {
    if constexpr (std::is_void_v<std::invoke_result_t<Function>>) {
      function();
      promise.set_value();
    } else {
      promise.set_value(function());
    }
  });
  return promise.get_future().get();
}

}  // namespace sluice::io

/// One pool of threads for the whole process, shared by every engine and every environment (worker threads included).
///
/// Work is handed out by index, so which thread runs an index never changes a result: a body may only write what
/// belongs to its index. The caller takes part, so a loop started from inside a background task cannot deadlock.
/// The pool outlives every environment and is never destroyed: its threads may be parked in it when the process exits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

namespace intermodel {

/// Called as body(context, index) for every index of a parallel loop, each index exactly once.
using LoopBody = void (*)(void* context, std::size_t index);

/// Runs body for index 0 .. count-1 on at most `threads` threads, the caller among them; returns when all are done.
/// threads <= 1 runs in the caller alone. When a body throws, the indices not yet begun are left out and the first
/// exception is thrown here, in the caller.
void parallelFor(int threads, std::size_t count, LoopBody body, void* context);

/// The same for a callable: parallelFor(threads, count, [&](std::size_t index) { ... }).
template <class Body>
void parallelFor(int threads, std::size_t count, Body&& body) {
  using Callable = std::remove_reference_t<Body>;
  parallelFor(
      threads, count, [](void* context, std::size_t index) { (*static_cast<Callable*>(context))(index); },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

/// Names one background task; never reused within a process.
using TaskId = std::uint64_t;

/// Runs `task` on some pool thread, later. Tasks may call parallelFor and must not throw.
/// Throws std::system_error when no thread can be started at all.
TaskId runInBackground(std::function<void()> task);

/// Takes a task out of the queue; true when it had not begun and now never will.
bool withdraw(TaskId task);

/// Threads the machine has, at least 1.
int hardwareThreads();

/// Threads of the pool now, for tests.
int poolThreads();

/// Largest number of threads a caller may ask for.
inline constexpr int kMaxThreads = 256;

}  // namespace intermodel

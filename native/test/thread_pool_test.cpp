/// The pool: every index exactly once for any number of threads, loops inside loops and inside background tasks.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <new>
#include <thread>
#include <vector>

#include "intermodel/thread_pool.hpp"

namespace {

int failures = 0;

void expect(bool holds, const char* law) {
  if (holds) return;
  std::printf("broken: %s\n", law);
  ++failures;
}

bool everyIndexOnce(int threads, std::size_t count) {
  std::vector<std::atomic<int>> seen(count);
  intermodel::parallelFor(threads, count, [&](std::size_t index) { seen[index].fetch_add(1); });
  for (const auto& times : seen) {
    if (times.load() != 1) return false;
  }
  return true;
}

/// A loop starts as many threads as it can use beside its caller, no more, and those that are there are used again.
bool loopsStartTheThreadsTheyCanUse() {
  const auto after = [](int threads, std::size_t count) {
    everyIndexOnce(threads, count);
    return intermodel::poolThreads();
  };
  return after(1, 100) == 0 && after(3, 1) == 0 && after(3, 100) == 2 && after(2, 100) == 2 && after(64, 5) == 4 &&
         after(6, 100) == 5;
}

/// Loops nested two deep from several callers at once: the caller takes part, so no call waits for a worker for ever.
bool nestedLoopsFinish() {
  std::atomic<std::size_t> ran{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&ran] {
      intermodel::parallelFor(
          3, 20, [&](std::size_t) { intermodel::parallelFor(3, 10, [&](std::size_t) { ran.fetch_add(1); }); });
    });
  }
  for (auto& caller : callers) caller.join();
  return ran.load() == 4 * 20 * 10;
}

bool backgroundTasksRun() {
  std::atomic<int> done{0};
  for (int task = 0; task < 50; ++task) {
    intermodel::runInBackground([&done] {
      intermodel::parallelFor(2, 8, [](std::size_t) {});
      done.fetch_add(1);
    });
  }
  while (done.load() < 50) std::this_thread::yield();
  return true;
}

/// A task that has not begun can be taken back and never runs; one that has begun cannot.
bool queuedTasksCanBeWithdrawn() {
  std::atomic<bool> open{false};
  std::atomic<int> began{0}, ended{0}, late{0};
  const int fill = std::max(2, intermodel::hardwareThreads());
  const int workers = std::max(fill, intermodel::poolThreads());
  std::vector<intermodel::TaskId> running;
  for (int task = 0; task < workers; ++task) {
    running.push_back(intermodel::runInBackground([&] {
      began.fetch_add(1);
      while (!open.load()) std::this_thread::yield();
      ended.fetch_add(1);
    }));
  }
  while (began.load() < workers) std::this_thread::yield();
  const intermodel::TaskId queued = intermodel::runInBackground([&late] { late.fetch_add(1); });
  bool holds = intermodel::withdraw(queued) && !intermodel::withdraw(queued);
  for (const intermodel::TaskId task : running) holds = holds && !intermodel::withdraw(task);
  // A loop while every worker is busy: the caller does it all, and what it offered is taken back.
  std::atomic<int> ran{0};
  intermodel::parallelFor(3, 9, [&](std::size_t) { ran.fetch_add(1); });
  open.store(true);
  while (ended.load() < workers) std::this_thread::yield();
  return holds && late.load() == 0 && ran.load() == 9;
}

/// A body that throws on any thread ends the loop, and the caller hears of it; the pool keeps working.
bool bodiesMayThrow() {
  for (int threads : {1, 2, 7}) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      bool heard = false;
      try {
        intermodel::parallelFor(threads, 40, [](std::size_t index) {
          if (index % 13 == 12) throw std::bad_alloc();
        });
      } catch (const std::bad_alloc&) {
        heard = true;
      }
      if (!heard) return false;
    }
  }
  return everyIndexOnce(7, 100);
}

}  // namespace

int main() {
  expect(loopsStartTheThreadsTheyCanUse(), "a loop starts as many threads as it can use, the caller not counted");
  for (int threads : {1, 2, 7, 64}) {
    for (std::size_t count : {0UL, 1UL, 2UL, 7UL, 1000UL}) {
      for (int repeat = 0; repeat < 20; ++repeat)
        expect(everyIndexOnce(threads, count), "each index runs exactly once");
    }
  }
  expect(nestedLoopsFinish(), "nested loops from several callers finish");
  expect(backgroundTasksRun(), "background tasks run and may start loops");
  expect(queuedTasksCanBeWithdrawn(), "a queued task can be withdrawn, a running one cannot");
  expect(bodiesMayThrow(), "what a body throws reaches the caller of the loop");
  std::printf("thread pool: %d failures, %d hardware threads\n", failures, intermodel::hardwareThreads());
  return failures == 0 ? 0 : 1;
}

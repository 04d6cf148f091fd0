/// Long work off the main thread: a promise, a cancel flag and progress.
///
/// The work runs on the process-wide pool and touches no JavaScript value: inputs are copied or live in native handles
/// before it starts. A job that is cancelled before it began leaves the queue and settles at once. When the environment
/// goes away (worker.terminate(), process.exit()), its queued jobs are dropped and its running ones cancelled and
/// waited for, so nothing runs on freed memory.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <functional>

namespace intermodel::addon {

/// What the work sees: whether to stop, and where to say how far it is. Safe from any thread.
class JobControl {
 public:
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  void expect(std::uint64_t total) { total_.store(total, std::memory_order_relaxed); }
  void advance(std::uint64_t steps) { done_.fetch_add(steps, std::memory_order_relaxed); }
  std::uint64_t done() const { return done_.load(std::memory_order_relaxed); }
  std::uint64_t total() const { return total_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> total_{0};
};

/// The work itself, off the main thread. What it throws rejects the promise. It is destroyed on the main thread before
/// the promise settles, also when it threw or never ran, so what it holds (a busy mark) is given back in every case.
using JobWork = std::function<void(JobControl& control)>;

/// Starts the work, of `total` steps, and returns { promise, cancel(), progress() -> [done, total] }.
/// A cancelled job still resolves; progress() says how far it came.
Napi::Object startJob(Napi::Env env, std::uint64_t total, JobWork work);

/// Called once when the addon is loaded into an environment.
void installJobs(Napi::Env env);

}  // namespace intermodel::addon

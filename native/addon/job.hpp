/// Long work off the main thread: a promise, a cancel flag and progress.
///
/// The work runs on the process-wide pool and touches no JavaScript value: inputs are copied or live in native handles
/// before it starts. When the environment goes away (worker.terminate(), process.exit()), running jobs are cancelled
/// and waited for, so nothing runs on freed memory.
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

/// The work itself, off the main thread. Must not throw other than std::bad_alloc.
using JobWork = std::function<void(JobControl& control)>;

/// Turns the finished work into the promise's value, on the main thread.
using JobResult = std::function<Napi::Value(Napi::Env env)>;

/// Starts the work and returns { promise, cancel(), progress() -> [done, total] }.
/// A cancelled job still resolves with its result, which says how far it came.
Napi::Object startJob(Napi::Env env, JobWork work, JobResult result);

/// Called once when the addon is loaded into an environment.
void installJobs(Napi::Env env);

}  // namespace intermodel::addon

#include "job.hpp"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>
#include <unordered_set>

#include "errors.hpp"
#include "intermodel/thread_pool.hpp"

namespace intermodel::addon {
namespace {

struct Job {
  JobWork work;
  napi_deferred deferred = nullptr;
  JobControl control;
  TaskId task = 0;
  std::exception_ptr error;

  void run() noexcept {
    try {
      work(control);
    } catch (...) {
      error = std::current_exception();
    }
  }
};

/// Settles the promise. The environment may be closing, so every status may be a failure and none of them matters:
/// plain Node-API, because a C++ exception here would have nowhere to go.
void settle(napi_env env, Job& job) noexcept {
  job.work = nullptr;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value value = nullptr;
  if (job.error == nullptr) {
    if (napi_get_undefined(env, &value) == napi_ok) napi_resolve_deferred(env, job.deferred, value);
  } else {
    const Failure failure = failureOf(job.error, "the job");
    napi_value code = nullptr, message = nullptr;
    if (napi_create_string_utf8(env, failure.code, NAPI_AUTO_LENGTH, &code) == napi_ok &&
        napi_create_string_utf8(env, failure.message.c_str(), NAPI_AUTO_LENGTH, &message) == napi_ok &&
        napi_create_error(env, code, message, &value) == napi_ok) {
      napi_reject_deferred(env, job.deferred, value);
    }
  }
  napi_close_handle_scope(env, scope);
}

void deliver(napi_env env, napi_value, void* context, void* data) noexcept;

/// The jobs of one environment. Shared with the threads that run them, because a thread may still be letting go of the
/// lock when the environment has gone.
class Jobs : public std::enable_shared_from_this<Jobs> {
 public:
  explicit Jobs(napi_env env) {
    napi_value name = nullptr;
    if (napi_create_string_utf8(env, "intermodel jobs", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, deliver,
                                        &finished_) != napi_ok ||
        napi_unref_threadsafe_function(env, finished_) != napi_ok) {
      throw Napi::Error::New(env, "BTM_INTERNAL: the environment refused a thread-safe function");
    }
  }

  void start(napi_env env, const std::shared_ptr<Job>& job) {
    unsettled_.emplace(job.get(), job);
    try {
      std::lock_guard lock(mutex_);
      running_.insert(job.get());
      job->task = runInBackground([self = shared_from_this(), job] { self->run(*job); });
    } catch (...) {
      std::lock_guard lock(mutex_);
      running_.erase(job.get());
      unsettled_.erase(job.get());
      throw;
    }
    if (unsettled_.size() == 1) napi_ref_threadsafe_function(env, finished_);
  }

  /// Main thread: a job that has not begun leaves the queue and settles here and now.
  void cancel(napi_env env, Job* job) noexcept {
    if (unsettled_.find(job) == unsettled_.end()) return;
    job->control.cancel();
    if (!withdraw(job->task)) return;
    {
      std::lock_guard lock(mutex_);
      running_.erase(job);
    }
    finish(env, job);
  }

  /// Main thread: settles a job whose work has ended or will never begin.
  void finish(napi_env env, Job* job) noexcept {
    const auto found = unsettled_.find(job);
    if (found == unsettled_.end()) return;
    const std::shared_ptr<Job> kept = found->second;
    unsettled_.erase(found);
    if (unsettled_.empty()) napi_unref_threadsafe_function(env, finished_);
    settle(env, *kept);
  }

  void shutDown() noexcept {
    std::unique_lock lock(mutex_);
    closing_ = true;
    for (auto at = running_.begin(); at != running_.end();) {
      (*at)->control.cancel();
      at = withdraw((*at)->task) ? running_.erase(at) : std::next(at);
    }
    idle_.wait(lock, [this] { return running_.empty(); });
  }

 private:
  /// On a pool thread.
  void run(Job& job) noexcept {
    job.run();
    std::lock_guard lock(mutex_);
    running_.erase(&job);
    // Under the lock, which shutDown waits for: the function still exists.
    if (!closing_) napi_call_threadsafe_function(finished_, &job, napi_tsfn_nonblocking);
    idle_.notify_all();
  }

  napi_threadsafe_function finished_ = nullptr;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::unordered_set<Job*> running_;  // queued, or at work
  bool closing_ = false;
  std::unordered_map<Job*, std::shared_ptr<Job>> unsettled_;  // main thread only; above 0 the event loop stays alive
};

void deliver(napi_env env, napi_value, void* context, void* data) noexcept {
  if (env == nullptr) return;  // the environment is going away: there is no promise left to settle
  static_cast<Jobs*>(context)->finish(env, static_cast<Job*>(data));
}

using Held = std::shared_ptr<Jobs>;

}  // namespace

void installJobs(Napi::Env env) {
  auto* held = new Held(std::make_shared<Jobs>(env));
  env.SetInstanceData(held);
  // Added after the thread-safe function, so it runs before that function is torn down.
  env.AddCleanupHook([](Held* jobs) { (*jobs)->shutDown(); }, held);
}

Napi::Object startJob(Napi::Env env, std::uint64_t total, JobWork work) {
  const Held jobs = *env.GetInstanceData<Held>();
  const auto job = std::make_shared<Job>();
  job->work = std::move(work);
  job->control.expect(total);
  napi_value promise = nullptr;
  if (napi_create_promise(env, &job->deferred, &promise) != napi_ok) throw Napi::Error::New(env);
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", promise);
  handle.Set("cancel", Napi::Function::New(
                           env, [jobs, job](const Napi::CallbackInfo& info) { jobs->cancel(info.Env(), job.get()); }));
  handle.Set("progress", Napi::Function::New(env, [job](const Napi::CallbackInfo& info) -> Napi::Value {
               Napi::Array pair = Napi::Array::New(info.Env(), 2);
               pair[0U] = Napi::Number::New(info.Env(), static_cast<double>(job->control.done()));
               pair[1U] = Napi::Number::New(info.Env(), static_cast<double>(job->control.total()));
               return pair;
             }));
  jobs->start(env, job);
  return handle;
}

}  // namespace intermodel::addon

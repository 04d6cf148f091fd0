#include "job.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_set>

#include "intermodel/thread_pool.hpp"

namespace intermodel::addon {
namespace {

struct Job {
  Job(Napi::Env env, JobWork w, JobResult r)
      : work(std::move(w)), result(std::move(r)), deferred(Napi::Promise::Deferred::New(env)) {}
  JobWork work;
  JobResult result;
  Napi::Promise::Deferred deferred;
  std::shared_ptr<JobControl> control = std::make_shared<JobControl>();
  bool outOfMemory = false;
};

void settle(Napi::Env env, Napi::Function, void*, Job* job);
using Finished = Napi::TypedThreadSafeFunction<void, Job, settle>;

/// The jobs of one environment.
struct Environment {
  Finished finished;
  std::mutex mutex;
  std::condition_variable idle;
  std::unordered_set<Job*> running;  // work not yet returned
  int unsettled = 0;                 // main thread only: the event loop stays alive while above 0

  void start(Job* job) {
    {
      std::lock_guard lock(mutex);
      running.insert(job);
    }
    runInBackground([this, job] {
      try {
        job->work(*job->control);
      } catch (const std::bad_alloc&) {
        job->outOfMemory = true;
      }
      std::lock_guard lock(mutex);
      running.erase(job);
      finished.NonBlockingCall(job);  // under the lock: shutDown waits for it, so the function still exists
      idle.notify_all();
    });
  }

  void shutDown() {
    std::unique_lock lock(mutex);
    for (Job* job : running) job->control->cancel();
    idle.wait(lock, [this] { return running.empty(); });
  }
};

void settle(Napi::Env env, Napi::Function, void*, Job* job) {
  std::unique_ptr<Job> owned(job);
  if (static_cast<napi_env>(env) == nullptr) return;  // the environment is going away: nobody is left to tell
  auto* environment = env.GetInstanceData<Environment>();
  if (--environment->unsettled == 0) environment->finished.Unref(env);
  Napi::HandleScope scope(env);
  if (job->outOfMemory) {
    Napi::Error error = Napi::Error::New(env, "BTM_SHAPE: not enough memory for these sizes");
    error.Value().Set("code", "BTM_SHAPE");
    job->deferred.Reject(error.Value());
    return;
  }
  try {
    job->deferred.Resolve(job->result(env));
  } catch (const Napi::Error& error) {
    job->deferred.Reject(error.Value());
  }
}

}  // namespace

void installJobs(Napi::Env env) {
  auto* environment = new Environment;
  environment->finished = Finished::New(env, "intermodel jobs", 0, 1);
  environment->finished.Unref(env);
  env.SetInstanceData(environment);
  // Added after the thread-safe function, so it runs before that function is torn down.
  env.AddCleanupHook([](Environment* e) { e->shutDown(); }, environment);
}

Napi::Object startJob(Napi::Env env, JobWork work, JobResult result) {
  auto* environment = env.GetInstanceData<Environment>();
  auto* job = new Job(env, std::move(work), std::move(result));
  auto control = job->control;
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", job->deferred.Promise());
  handle.Set("cancel", Napi::Function::New(env, [control](const Napi::CallbackInfo&) { control->cancel(); }));
  handle.Set("progress", Napi::Function::New(env, [control](const Napi::CallbackInfo& info) -> Napi::Value {
               Napi::Array pair = Napi::Array::New(info.Env(), 2);
               pair[0U] = Napi::Number::New(info.Env(), static_cast<double>(control->done()));
               pair[1U] = Napi::Number::New(info.Env(), static_cast<double>(control->total()));
               return pair;
             }));
  if (environment->unsettled++ == 0) environment->finished.Ref(env);
  environment->start(job);
  return handle;
}

}  // namespace intermodel::addon

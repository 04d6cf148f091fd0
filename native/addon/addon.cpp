/// Entry point: what the module exports. Its state belongs to the environment; none is global.
#include <napi.h>

#include "device.hpp"
#include "engine.hpp"
#include "intermodel/dispatch.hpp"
#include "intermodel/thread_pool.hpp"
#include "job.hpp"
#include "pin.hpp"

namespace intermodel::addon {
namespace {

/// describe(): { version, bestIsa, isas: { name: available or why not }, hardwareThreads }.
Napi::Value describeAddon(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object isas = Napi::Object::New(env);
  for (const IsaChoice& isa : listIsas()) isas.Set(isa.name, intermodel::describe(isa.status));
  Napi::Object description = Napi::Object::New(env);
  description.Set("version", INTERMODEL_VERSION);
  description.Set("bestIsa", bestIsa().name);
  description.Set("isas", isas);
  description.Set("hardwareThreads", hardwareThreads());
  return description;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  pinModule();
  installJobs(env);
  exports.Set("describe", Napi::Function::New(env, describeAddon, "describe"));
  exports.Set("createEngine", Napi::Function::New(env, createEngine, "createEngine"));
  exports.Set("createCudaEngine", Napi::Function::New(env, createCudaEngine, "createCudaEngine"));
  return exports;
}

}  // namespace
}  // namespace intermodel::addon

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return intermodel::addon::initialise(env, exports); }
NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)

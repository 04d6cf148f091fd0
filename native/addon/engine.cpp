#include "engine.hpp"

#include <algorithm>
#include <exception>
#include <string>

#include "intermodel/dispatch.hpp"
#include "intermodel/thread_pool.hpp"

namespace intermodel::addon {
namespace {

/// The one place that throws to JavaScript.
[[noreturn]] void throwCoded(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Value().Set("code", failure.code);
  throw error;
}

}  // namespace

Napi::Function wrap(Napi::Env env, const char* name, std::function<Napi::Value(Args& args)> body) {
  auto call = [body = std::move(body), name](const Napi::CallbackInfo& info) -> Napi::Value {
    try {
      Args args(info, name);
      return body(args);
    } catch (const Napi::Error&) {
      throw;  // JavaScript's own, from a getter
    } catch (...) {
      throwCoded(info.Env(), failureOf(std::current_exception(), name));
    }
  };
  return Napi::Function::New(env, call, name);
}

void Methods::add(const char* name, Method method) {
  auto body = [engine = engine_, method](Args& args) { return method(*engine, args); };
  target_.Set(name, wrap(target_.Env(), name, body));
}

Napi::Value createEngine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() && !info[0].IsUndefined()) throwCoded(env, {"BTM_TYPE", "BTM_TYPE: isa must be a string"});
  if (!info[1].IsNumber() && !info[1].IsUndefined())
    throwCoded(env, {"BTM_TYPE", "BTM_TYPE: threads must be a number"});
  const std::string wanted = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : std::string();
  const IsaChoice isa = info[0].IsString() ? findIsa(wanted) : bestIsa();
  if (isa.kernels == nullptr) throwCoded(env, {"BTM_NO_ISA", "BTM_NO_ISA: '" + wanted + "': " + describe(isa.status)});
  const double asked = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : hardwareThreads();
  if (!(asked >= 1 && asked <= kMaxThreads && asked == static_cast<int>(asked))) {
    throwCoded(env, {"BTM_DOMAIN", "BTM_DOMAIN: threads must be between 1 and " + std::to_string(kMaxThreads)});
  }
  const int threads = static_cast<int>(asked);
  Napi::Object object = Napi::Object::New(env);
  object.Set("isa", runningName(*isa.kernels));
  object.Set("lanes", isa.kernels->lanes);
  object.Set("threads", threads);
  Methods methods(object, std::make_shared<const Engine>(Engine{*isa.kernels, threads, nullptr}));
  defineKernels(methods);
  return object;
}

void defineKernels(Methods& methods) {
  defineArithmetic(methods);
  defineDistillation(methods);
  defineGating(methods);
  defineCurvature(methods);
  defineDense(methods);
  defineLedger(methods);
  defineRanking(methods);
  defineCompetition(methods);
  definePayoff(methods);
  defineProjection(methods);
  defineEquilibrium(methods);
  defineScenario(methods);
  defineStacking(methods);
}

}  // namespace intermodel::addon

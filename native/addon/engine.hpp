/// An engine: one instruction set and one number of threads, chosen once, with every kernel as a method.
///
/// Each family adds its methods in a file of its own: declare `define<Family>` below and call it in engine.cpp.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "args.hpp"
#include "kernel_table.hpp"

namespace intermodel::addon {

class Device;

struct Engine {
  const KernelTable& kernels;
  int threads;
  std::shared_ptr<Device> device;  ///< runs the kernels that it has, where there is one
};

/// A method: reads its arguments, calls kernels, returns a value (usually undefined; outputs are arrays passed in).
using Method = Napi::Value (*)(const Engine& engine, Args& args);

/// A JavaScript function around `body`, with the checks and errors of a method; for handles.
Napi::Function wrap(Napi::Env env, const char* name, std::function<Napi::Value(Args& args)> body);

/// The object that is handed to JavaScript, while its methods are added.
class Methods {
 public:
  Methods(Napi::Object target, std::shared_ptr<const Engine> engine) : target_(target), engine_(std::move(engine)) {}

  /// Adds `name`; the engine lives as long as any of its methods.
  void add(const char* name, Method method);

 private:
  Napi::Object target_;
  std::shared_ptr<const Engine> engine_;
};

void defineLedger(Methods& methods);
void defineArithmetic(Methods& methods);
void defineDistillation(Methods& methods);
void defineGating(Methods& methods);
void defineCurvature(Methods& methods);
void defineDense(Methods& methods);
void defineRanking(Methods& methods);
void defineCompetition(Methods& methods);
void definePayoff(Methods& methods);
void defineProjection(Methods& methods);
void defineEquilibrium(Methods& methods);
void defineScenario(Methods& methods);
void defineStacking(Methods& methods);

/// Adds every kernel of an engine to an object.
void defineKernels(Methods& methods);

/// createEngine(isa: string | undefined, threads: number | undefined): an object with every kernel as a method.
Napi::Value createEngine(const Napi::CallbackInfo& info);

}  // namespace intermodel::addon

/// An engine on a device, as JavaScript sees it.
#include "device.hpp"
#include "engine.hpp"
#include "intermodel/dispatch.hpp"
#include "intermodel/thread_pool.hpp"

namespace intermodel::addon {
namespace {

/// upload(array): calls that read from this array use a copy on the device, until forget(array).
Napi::Value upload(const Engine& engine, Args& args) {
  const auto bytes = args.bytes("array");
  if (!bytes.empty()) engine.device->upload(bytes.data(), bytes.size());
  return args.env().Undefined();
}

Napi::Value forget(const Engine& engine, Args& args) {
  const auto bytes = args.bytes("array");
  if (!bytes.empty()) engine.device->forget(bytes.data());
  return args.env().Undefined();
}

/// heldBytes(): device memory in use between calls.
Napi::Value heldBytes(const Engine& engine, Args& args) {
  return Napi::Number::New(args.env(), static_cast<double>(engine.device->held()));
}

/// copyRate(bytes): bytes a second that the device reads and writes when it copies.
Napi::Value copyRate(const Engine& engine, Args& args) {
  const std::size_t bytes = args.size("bytes");
  if (bytes == 0) args.fail("BTM_DOMAIN", "bytes", "must be at least 1");
  double rate = 0.0;
  engine.device->call(&IntermodelCuda::copy_rate, bytes, &rate);
  return Napi::Number::New(args.env(), rate);
}

Napi::Value dispose(const Engine& engine, Args& args) {
  if (!engine.device->dispose()) args.fail("BTM_DOMAIN", "backend", "advances games; wait for their promise first");
  return args.env().Undefined();
}

Napi::Object describe(Napi::Env env, const Device& device) {
  const IntermodelDevice& found = device.description();
  Napi::Object description = Napi::Object::New(env);
  description.Set("name", std::string(found.name));
  description.Set("major", found.major);
  description.Set("minor", found.minor);
  description.Set("driver", found.driver);
  description.Set("runtime", found.runtime);
  description.Set("memory", static_cast<double>(found.memory));
  description.Set("built", device.interface().built);
  description.Set("form", device.interface().kind);
  return description;
}

}  // namespace

Napi::Value createCudaEngine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto text = [&](std::size_t at) { return info[at].As<Napi::String>().Utf8Value(); };
  const auto number = [&](std::size_t at) { return info[at].As<Napi::Number>().DoubleValue(); };
  bool plain = info[0].IsString() && info[1].IsString();
  for (std::size_t at = 2; at < 6; at++)
    plain = plain && info[at].IsNumber() && number(at) >= 0 && number(at) <= 0x1p50;
  if (!plain || number(2) > 1024)
    throw Napi::TypeError::New(env, "BTM_TYPE: driver, module, device, memory, schedule, fault");
  DeviceChoice choice{text(0), text(1), {}};
  choice.options.device = static_cast<std::int32_t>(number(2));
  choice.options.memory = static_cast<std::uint64_t>(number(3));
  choice.options.schedule = static_cast<std::uint64_t>(number(4));
  choice.options.fault = static_cast<std::uint64_t>(number(5));
  try {
    const auto device = std::make_shared<Device>(choice);
    const IsaChoice& isa = bestIsa();
    Napi::Object object = Napi::Object::New(env);
    object.Set("isa", runningName(*isa.kernels));
    object.Set("lanes", isa.kernels->lanes);
    object.Set("threads", hardwareThreads());
    object.Set("device", describe(env, *device));
    Methods methods(object, std::make_shared<const Engine>(Engine{*isa.kernels, hardwareThreads(), device}));
    defineKernels(methods);
    methods.add("upload", upload);
    methods.add("forget", forget);
    methods.add("heldBytes", heldBytes);
    methods.add("copyRate", copyRate);
    methods.add("dispose", dispose);
    return object;
  } catch (const NoDevice& missing) {
    Napi::Error error = Napi::Error::New(env, "BTM_NO_CUDA: " + missing.what + ": " + missing.reason);
    error.Value().Set("code", "BTM_NO_CUDA");
    error.Value().Set("what", missing.what);
    error.Value().Set("reason", missing.reason);
    throw error;
  }
}

}  // namespace intermodel::addon

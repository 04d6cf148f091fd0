/// The dense family for JavaScript: networks that are trained. Kernels trust their input, so sizes are checked here.
#include "dense_batch.hpp"
#include "engine.hpp"

namespace intermodel::addon {
namespace {

/// Sizes and activations of a network, and how many parameters they ask for.
struct DenseShape {
  std::span<const std::int32_t> sizes, activations;
  std::size_t parameters = 0;
  std::size_t inputs() const { return static_cast<std::size_t>(sizes.front()); }
  std::size_t outputs() const { return static_cast<std::size_t>(sizes.back()); }
};

DenseShape readShape(Args& args) {
  DenseShape shape;
  shape.sizes = args.i32("sizes");
  const std::size_t entries = shape.sizes.size();
  if (entries < 2) args.fail("BTM_SHAPE", "sizes", "must have at least 2 entries");
  shape.activations = args.i32("activations", entries - 1);
  for (const std::int32_t size : shape.sizes)
    if (size < 1) args.fail("BTM_DOMAIN", "sizes", "must be positive");
  for (const std::int32_t code : shape.activations)
    if (code < 0 || code >= kActivationCount) args.fail("BTM_DOMAIN", "activations", "must be known codes");
  for (std::size_t l = 1; l < entries; ++l) {
    shape.parameters +=
        checkedProduct(static_cast<std::size_t>(shape.sizes[l]), static_cast<std::size_t>(shape.sizes[l - 1]) + 1);
  }
  return shape;
}

/// Samples in two parts; the second holds what the first leaves of the network's inputs.
DenseInputs splitInputs(Args& args, std::span<const float> first, std::span<const float> second, std::size_t given,
                        std::size_t inputs, std::size_t samples) {
  if (given > inputs) args.fail("BTM_DOMAIN", "given", "must be at most the inputs of the network");
  args.expect("inputs", first, checkedProduct(samples, given));
  args.expect("context", second, checkedProduct(samples, inputs - given));
  return {first.data(), given, second.data(), inputs - given};
}

/// denseForward(outputs, parameters, sizes, activations, inputs, context, given, samples)
Napi::Value denseForwardMethod(const Engine& engine, Args& args) {
  const auto out = args.f32Out("outputs");
  const auto parameters = args.f64("parameters");
  const DenseShape shape = readShape(args);
  const auto first = args.f32("inputs"), second = args.f32("context");
  const std::size_t given = args.size("given"), samples = args.size("samples");
  args.expect("parameters", parameters, shape.parameters);
  args.expect("outputs", out, checkedProduct(samples, shape.outputs()));
  const DenseInputs inputs = splitInputs(args, first, second, given, shape.inputs(), samples);
  const DenseLayers layers(parameters.data(), shape.sizes.data(), shape.activations.data(), shape.activations.size());
  denseForward({engine.kernels, engine.threads}, layers.network(), inputs, samples, out.data());
  return args.env().Undefined();
}

/// denseGradient(gradient, parameters, sizes, activations, inputs, context, upstream, given, samples)
Napi::Value denseGradientMethod(const Engine& engine, Args& args) {
  const auto gradient = args.f64Out("gradient");
  const auto parameters = args.f64("parameters");
  const DenseShape shape = readShape(args);
  const auto first = args.f32("inputs"), second = args.f32("context"), upstream = args.f32("upstream");
  const std::size_t given = args.size("given"), samples = args.size("samples");
  args.expect("parameters", parameters, shape.parameters);
  args.expect("gradient", gradient, shape.parameters);
  args.expect("upstream", upstream, checkedProduct(samples, shape.outputs()));
  const DenseInputs inputs = splitInputs(args, first, second, given, shape.inputs(), samples);
  DenseLayers layers(parameters.data(), shape.sizes.data(), shape.activations.data(), shape.activations.size());
  layers.transpose();
  denseGradient({engine.kernels, engine.threads}, layers.network(), inputs, samples, upstream.data(), gradient.data());
  return args.env().Undefined();
}

/// adamStep(parameters, first, second, gradient, size, shrink, correction1, correction2)
Napi::Value adamStepMethod(const Engine& engine, Args& args) {
  const auto parameters = args.f64Out("parameters"), first = args.f64Out("first"), second = args.f64Out("second");
  const auto gradient = args.f64("gradient");
  AdamStep step{};
  step.size = args.number("size");
  step.shrink = args.number("shrink");
  step.correction1 = args.number("correction1");
  step.correction2 = args.number("correction2");
  const std::size_t count = parameters.size();
  args.expect("first", first, count);
  args.expect("second", second, count);
  args.expect("gradient", gradient, count);
  step.parameters = parameters.data();
  step.first = first.data();
  step.second = second.data();
  step.gradient = gradient.data();
  adamStep({engine.kernels, engine.threads}, step, count);
  return args.env().Undefined();
}

}  // namespace

void defineDense(Methods& methods) {
  methods.add("denseForward", denseForwardMethod);
  methods.add("denseGradient", denseGradientMethod);
  methods.add("adamStep", adamStepMethod);
}

}  // namespace intermodel::addon

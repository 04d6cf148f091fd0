/// The stacking family for JavaScript. Kernels trust their input, so labels, sizes and codes are checked here too.
#include "engine.hpp"
#include "stacking_batch.hpp"

namespace intermodel::addon {
namespace {

/// stackingGradient(losses, gradient, features, parameters, labels, targets, weights, loss, samples, width, problems,
/// outputs)
Napi::Value stackingGradientMethod(const Engine& engine, Args& args) {
  const auto losses = args.f64Out("losses"), gradient = args.f64Out("gradient");
  const auto features = args.f64("features"), parameters = args.f64("parameters");
  const auto labels = args.i32("labels");
  const auto targets = args.f64("targets"), weights = args.f64("weights");
  StackingProblems all{};
  all.compared.loss = static_cast<Loss>(args.integer("loss", 0, kLossCount - 1));
  Dim samples = args.dim("samples"), width = args.dim("width");
  Dim problems = args.dim("problems"), outputs = args.dim("outputs");

  args.expect("losses", losses, problems, samples);
  args.expect("weights", weights, problems, samples);
  args.expect("features", features, samples, width);
  Dim rows(width.asked() + 1);
  args.expect("parameters", parameters, rows, problems, outputs);
  if (!gradient.empty()) args.expect("gradient", gradient, rows, problems, outputs);
  if (all.compared.loss == kSoftmaxCrossEntropy) {
    args.expect("labels", labels, samples);
    for (const std::int32_t label : labels) {
      if (label < 0 || static_cast<std::size_t>(label) >= outputs.asked())
        args.fail("BTM_LABEL", "labels", "must be in [0, outputs)");
    }
    all.compared.labels = labels.data();
  } else {
    args.expect("targets", targets, samples, outputs);
    all.compared.targets = targets.data();
  }
  all.samples = samples, all.width = width, all.problems = problems, all.outputs = outputs;
  if (all.problems == 0 || all.outputs == 0) return args.env().Undefined();
  all.features = features.data();
  all.parameters = parameters.data();
  all.weights = weights.data();
  all.losses = losses.data();
  all.gradient = gradient.empty() ? nullptr : gradient.data();
  stackingGradient({engine.kernels, engine.threads}, all);
  return args.env().Undefined();
}

}  // namespace

void defineStacking(Methods& methods) { methods.add("stackingGradient", stackingGradientMethod); }

}  // namespace intermodel::addon

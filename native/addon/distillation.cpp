#include <vector>

#include "ranges.hpp"

namespace intermodel::addon {
namespace {

/// distillation(losses, gradients, teacher, student, labels, temperature, scale, alpha, kind, batch, outputs)
Napi::Value distillation(const Engine& engine, Args& args) {
  Dim batch = args.dimAt(9, "batch"), outputs = args.dimAt(10, "outputs");
  const std::size_t length = lengthOf(batch, outputs);
  DistillationArguments a{};
  a.losses = args.f64Out("losses", batch.asked()).data();
  a.gradients = args.f64Out("gradients", length).data();
  a.teacher = args.f64("teacher", length).data();
  a.student = args.f64("student", length).data();
  const auto labels = args.i32("labels");
  if (!labels.empty()) args.expect("labels", labels, batch.asked());
  for (const std::int32_t label : labels) {
    if (label < 0 || static_cast<std::size_t>(label) >= outputs.asked())
      args.fail("BTM_LABEL", "labels", "must be in [0, outputs)");
  }
  a.labels = labels.empty() ? nullptr : labels.data();
  a.temperature = args.number("temperature");
  a.scale = args.number("scale");
  a.alpha = args.number("alpha");
  a.kind = static_cast<DistillationKind>(args.integer("kind", kForwardKl, kMeanSquare));
  a.outputs = outputs;
  if (length == 0) return args.env().Undefined();

  const std::size_t parts = rangesOf(engine, batch, 4096 / a.outputs);
  const std::size_t perPart = checkedProduct(DistillationKernels::kScratchRows, a.outputs);
  std::vector<double> scratch(checkedProduct(parts, perPart));
  parallelRanges(engine, parts, batch, [&](std::size_t part, std::size_t begin, std::size_t end) {
    engine.kernels.distillation.rows(a, begin, end, scratch.data() + part * perPart);
  });
  return args.env().Undefined();
}

}  // namespace

void defineDistillation(Methods& methods) { methods.add("distillation", distillation); }

}  // namespace intermodel::addon

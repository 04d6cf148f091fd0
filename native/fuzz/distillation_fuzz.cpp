/// The four divergences with their gradients, with and without labels, over any numbers.
#include "agree.hpp"
#include "input.hpp"

using namespace intermodel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t batch = input.whole(0, 4), outputs = input.whole(1, 40);
  const int kind = static_cast<int>(input.whole(0, 3));
  const bool hard = input.byte() % 2;
  const double temperature = input.positive(), scale = input.positive(), alpha = input.finite();
  const std::vector<double> teacher = input.anys(batch * outputs), student = input.anys(batch * outputs);
  const std::vector<std::int32_t> labels = input.integers(batch, 0, static_cast<std::int32_t>(outputs) - 1);
  fuzz::sameOnAll([&](const KernelTable& kernels, fuzz::Results& results) {
    std::vector<double> losses(batch), gradients(batch * outputs), scratch(DistillationKernels::kScratchRows * outputs);
    const DistillationArguments arguments{.losses = losses.data(),
                                          .gradients = gradients.data(),
                                          .teacher = teacher.data(),
                                          .student = student.data(),
                                          .labels = hard ? labels.data() : nullptr,
                                          .temperature = temperature,
                                          .scale = scale,
                                          .alpha = alpha,
                                          .kind = static_cast<DistillationKind>(kind),
                                          .outputs = outputs};
    kernels.distillation.rows(arguments, 0, batch, scratch.data());
    results.keep(losses), results.keep(gradients);
  });
  return 0;
}

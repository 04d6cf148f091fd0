/// Distillation: every instruction set and every split of the batch gives the scalar bits, inside exactly sized buffers
/// (run it under the sanitisers), hostile numbers included; the losses are zero where they must be and positive
/// elsewhere.
#include <limits>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kHostile[] = {0.0, -0.0, kInfinity, -kInfinity, kNan, 1e308, -1e308, 5e-324, 700.0, -20000.0};

struct Case {
  size_t batch, outputs;
  std::vector<double> teacher, student;
  std::vector<int32_t> labels;
};

Case randomCase(RandomStream& random, size_t batch, size_t outputs, double scale, bool hostile) {
  Case c{batch, outputs, {}, {}, {}};
  const auto draw = [&] {
    const auto pick = static_cast<size_t>(random.uniform() * 40.0);
    return hostile && pick < std::size(kHostile) ? kHostile[pick] : scale * random.normal();
  };
  for (size_t k = 0; k < batch * outputs; k++) c.teacher.push_back(draw()), c.student.push_back(draw());
  for (size_t b = 0; b < batch; b++)
    c.labels.push_back(static_cast<int32_t>(random.uniform() * static_cast<double>(outputs)));
  return c;
}

/// Losses and gradients one after the other, computed `step` samples at a time.
std::vector<double> run(const KernelTable& kernels, const Case& c, int kind, double temperature, bool hard,
                        size_t step) {
  std::vector<double> losses(c.batch), gradients(c.batch * c.outputs);
  std::vector<double> scratch(DistillationKernels::kScratchRows * c.outputs);
  const DistillationArguments arguments{losses.data(),
                                        gradients.data(),
                                        c.teacher.data(),
                                        c.student.data(),
                                        hard ? c.labels.data() : nullptr,
                                        temperature,
                                        temperature * temperature,
                                        0.5,
                                        static_cast<DistillationKind>(kind),
                                        c.outputs};
  for (size_t begin = 0; begin < c.batch; begin += step)
    kernels.distillation.rows(arguments, begin, begin + step < c.batch ? begin + step : c.batch, scratch.data());
  losses.insert(losses.end(), gradients.begin(), gradients.end());
  return losses;
}

void compare(const Case& c) {
  const KernelTable& scalar = *findIsa("scalar").kernels;
  for (int kind = kForwardKl; kind <= kMeanSquare; kind++) {
    for (const double temperature : {2.0, 0.01}) {
      for (const bool hard : {false, true}) {
        const std::vector<double> expected = run(scalar, c, kind, temperature, hard, c.batch);
        for (const IsaChoice& isa : listIsas()) {
          if (isa.kernels == nullptr) continue;
          const std::vector<double> found = run(*isa.kernels, c, kind, temperature, hard, 3);
          bool same = true;
          for (size_t k = 0; k < expected.size(); k++) same = same && check::sameBits(expected[k], found[k]);
          CHECK(same);
        }
      }
    }
  }
}

}  // namespace

int main() {
  RandomStream random(20261122, nullptr, 0);
  for (const size_t outputs : {1, 2, 3, 4, 5, 7, 8, 9, 11, 97, 300})
    for (const bool hostile : {false, true})
      for (const double scale : {1.0, 300.0}) compare(randomCase(random, 7, outputs, scale, hostile));

  Case same = randomCase(random, 5, 10, 3.0, false);
  same.student = same.teacher;
  const Case other = randomCase(random, 5, 10, 3.0, false);
  for (int kind = kForwardKl; kind <= kMeanSquare; kind++) {
    const std::vector<double> none = run(*bestIsa().kernels, same, kind, 2.0, false, 5);
    for (const double value : none) CHECK(value == 0.0);
    const std::vector<double> some = run(*bestIsa().kernels, other, kind, 2.0, false, 5);
    for (size_t b = 0; b < 5; b++) CHECK(some[b] > 0.0);
  }
  return check::finish();
}

/// Products: every instruction set, size, transposition and starting value gives the bits of one ascending chain.
#include <cmath>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

constexpr double kGuard = 12345.0;

std::vector<double> values(RandomStream& random, size_t n) {
  std::vector<double> x(n);
  for (double& v : x) v = random.normal();
  return x;
}

enum class Start { kZero, kBias, kMatrix, kInPlace };

struct Case {
  size_t m, n, k;
  bool transposeA, transposeB;
  Start start;
};

void runCase(const ArithmeticKernels& kernels, RandomStream& random, const Case& c) {
  const auto a = values(random, c.m * c.k), b = values(random, c.k * c.n), init = values(random, c.m * c.n + c.n);
  const size_t cRow = c.n + 2;
  std::vector<double> out(c.m * cRow + 1, kGuard);
  GemmArguments g{};
  g.m = c.m, g.n = c.n, g.k = c.k;
  g.a = a.data(), g.aRow = c.transposeA ? 1 : c.k, g.aColumn = c.transposeA ? c.m : 1;
  g.b = b.data(), g.bRow = c.transposeB ? 1 : c.n, g.bColumn = c.transposeB ? c.k : 1;
  g.c = out.data(), g.cRow = cRow;
  if (c.start == Start::kBias || c.start == Start::kMatrix)
    g.init = init.data(), g.initRow = c.start == Start::kBias ? 0 : c.n;
  if (c.start == Start::kInPlace) {
    for (size_t i = 0; i < c.m; i++)
      for (size_t j = 0; j < c.n; j++) out[i * cRow + j] = init[i * c.n + j];
    g.init = out.data(), g.initRow = cRow;
  }
  const size_t scratchSize = kernels.gemmScratch(g);
  std::vector<double> scratch(scratchSize + 1, kGuard);
  kernels.gemm(g, scratch.data());
  bool same = scratch[scratchSize] == kGuard && out[c.m * cRow] == kGuard;
  for (size_t i = 0; i < c.m; i++) {
    for (size_t j = 0; j < cRow; j++) {
      double expected = kGuard;
      if (j < c.n) {
        expected = c.start == Start::kZero ? 0.0 : init[c.start == Start::kBias ? j : i * c.n + j];
        for (size_t p = 0; p < c.k; p++)
          expected = std::fma(a[c.transposeA ? p * c.m + i : i * c.k + p], b[c.transposeB ? j * c.k + p : p * c.n + j],
                              expected);
      }
      same = same && check::sameBits(out[i * cRow + j], expected);
    }
  }
  if (!same) std::printf("m %zu n %zu k %zu\n", c.m, c.n, c.k);
  CHECK(same);
}

void products(const ArithmeticKernels& kernels, RandomStream& random) {
  const size_t sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 17, 24, 25, 33, 49, 97};
  constexpr size_t count = sizeof sizes / sizeof sizes[0];
  for (int trial = 0; trial < 400; trial++) {
    const Case c{sizes[random.integer(count)], sizes[random.integer(count)], sizes[random.integer(count)],
                 random.integer(2) == 1,       random.integer(2) == 1,       static_cast<Start>(random.integer(4))};
    runCase(kernels, random, c);
  }
  // several blocks of each kind
  runCase(kernels, random, {50, 60, 600, false, false, Start::kBias});
  runCase(kernels, random, {200, 26, 270, true, false, Start::kInPlace});
  runCase(kernels, random, {9, 1000, 40, false, true, Start::kMatrix});
  runCase(kernels, random, {101, 500, 165, true, true, Start::kZero});
}

void matrixVector(const ArithmeticKernels& kernels, RandomStream& random) {
  for (size_t m : {0, 1, 3, 4, 5, 8, 11, 16, 33, 70}) {
    for (size_t k : {0, 1, 3, 4, 7, 8, 9, 40, 101}) {
      const size_t aRow = k + 3;
      const auto a = values(random, m * aRow + 1), x = values(random, k), init = values(random, m);
      for (bool started : {false, true}) {
        std::vector<double> y(m + 1, kGuard);
        kernels.matVec(a.data() + 1, aRow, x.data(), started ? init.data() : nullptr, y.data(), m, k);
        bool same = y[m] == kGuard;
        for (size_t i = 0; i < m; i++) {
          double expected = started ? init[i] : 0.0;
          for (size_t p = 0; p < k; p++) expected = std::fma(a[1 + i * aRow + p], x[p], expected);
          same = same && check::sameBits(y[i], expected);
        }
        CHECK(same);
      }
    }
  }
}

}  // namespace

int main() {
  for (const IsaChoice& choice : listIsas()) {
    if (choice.kernels == nullptr) continue;
    std::printf("# %s\n", choice.name);
    RandomStream random(5, nullptr, 0);
    products(choice.kernels->arithmetic, random);
    matrixVector(choice.kernels->arithmetic, random);
  }
  return check::finish();
}

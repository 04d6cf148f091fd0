/// Tree sums, tree dots, softmax and log-sum-exp: every instruction set gives the bits of the tree written out plainly.
#include <cmath>
#include <vector>

#include "check.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "random.hpp"

using namespace intermodel;

namespace {

double foldPlainly(const double* lane) {
  double four[4], two[2];
  for (int i = 0; i < 4; i++) four[i] = lane[i] + lane[i + 4];
  for (int i = 0; i < 2; i++) two[i] = four[i] + four[i + 2];
  return two[0] + two[1];
}

double treePlainly(const double* a, const double* b, size_t n) {
  double total = 0.0;
  for (size_t begin = 0; begin == 0 || begin < n; begin += 256) {
    double lane[8] = {};
    for (size_t r = begin; r < n && r < begin + 256; r++) {
      double& sum = lane[(r - begin) % 8];
      sum = b == nullptr ? sum + a[r] : std::fma(a[r], b[r], sum);
    }
    const double block = foldPlainly(lane);
    total = begin == 0 ? block : total + block;
  }
  return total;
}

std::vector<double> values(RandomStream& random, size_t n) {
  std::vector<double> x(n);
  for (double& v : x) v = random.normal() * std::pow(10.0, static_cast<double>(random.integer(9)) - 4.0);
  return x;
}

void sums(const ArithmeticKernels& kernels, RandomStream& random) {
  for (size_t n = 0; n < 70; n++) {
    const auto a = values(random, n), b = values(random, n);
    CHECK(check::sameBits(kernels.treeSum(a.data(), n), treePlainly(a.data(), nullptr, n)));
    CHECK(check::sameBits(kernels.treeDot(a.data(), b.data(), n), treePlainly(a.data(), b.data(), n)));
  }
  for (size_t n : {255, 256, 257, 263, 511, 512, 513, 769, 5000}) {
    const auto a = values(random, n + 1), b = values(random, n);
    CHECK(check::sameBits(kernels.treeSum(a.data() + 1, n), treePlainly(a.data() + 1, nullptr, n)));
    CHECK(check::sameBits(kernels.treeDot(a.data() + 1, b.data(), n), treePlainly(a.data() + 1, b.data(), n)));
  }
  // an underflowing lane is -0 and must stay so
  const double tiny[] = {-1e-200}, tinier[] = {1e-200};
  CHECK(check::sameBits(kernels.treeDot(tiny, tinier, 1), treePlainly(tiny, tinier, 1)));
}

void softmaxPlainly(const double* z, double* p, size_t n, double* logSumExp) {
  const ArithmeticKernels& scalar = findIsa("scalar").kernels->arithmetic;
  double largest = -INFINITY;
  for (size_t r = 0; r < n; r++) largest = z[r] > largest ? z[r] : largest;
  std::vector<double> shifted(n);
  for (size_t r = 0; r < n; r++) shifted[r] = z[r] - largest;
  scalar.exp(shifted.data(), p, n);
  const double sum = treePlainly(p, nullptr, n);
  double logarithm;
  scalar.log(&sum, &logarithm, 1);
  *logSumExp = largest + logarithm;
  for (size_t r = 0; r < n; r++) p[r] /= sum;
}

void rows(const ArithmeticKernels& kernels, RandomStream& random) {
  for (size_t columns : {1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 16, 97, 300}) {
    const size_t count = 3;
    std::vector<double> z(count * columns), p(count * columns), expected(columns);
    for (double& v : z) v = 20.0 * random.normal();
    z[0] = -INFINITY;
    if (columns > 1) z[1] = 0.0;
    double found[count], wanted;
    kernels.softmax(z.data(), p.data(), count, columns);
    kernels.logSumExp(z.data(), found, count, columns);
    for (size_t row = columns == 1 ? 1 : 0; row < count; row++) {
      softmaxPlainly(z.data() + row * columns, expected.data(), columns, &wanted);
      CHECK(check::sameBits(found[row], wanted));
      for (size_t c = 0; c < columns; c++) CHECK(check::sameBits(p[row * columns + c], expected[c]));
    }
  }
  const double ends[] = {INFINITY, 1, -INFINITY, -INFINITY, NAN, INFINITY};
  double found[3];
  kernels.logSumExp(ends, found, 3, 2);
  CHECK(found[0] == INFINITY && found[1] == -INFINITY && found[2] != found[2]);
}

}  // namespace

int main() {
  for (const IsaChoice& choice : listIsas()) {
    if (choice.kernels == nullptr) continue;
    std::printf("# %s\n", choice.name);
    RandomStream random(3, nullptr, 0);
    sums(choice.kernels->arithmetic, random);
    rows(choice.kernels->arithmetic, random);
  }
  return check::finish();
}

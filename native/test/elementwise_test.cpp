/// Scalar, AVX2 and AVX-512 give the same bits at 2^20 points per function, whatever the length and alignment;
/// the hashes are those that the TypeScript functions give (test/arithmetic/hashes.json holds the same table).
#include <cmath>
#include <string>

#include "check.hpp"
#include "functions.hpp"
#include "hashes.hpp"
#include "intermodel/dispatch.hpp"
#include "kernel_table.hpp"
#include "points.hpp"

using intermodel::IsaChoice;
using intermodel::KernelTable;

namespace {

void compareWithScalar(const KernelTable& kernels, const std::vector<double>& x) {
  const KernelTable& scalar = *intermodel::findIsa("scalar").kernels;
  std::vector<double> expected(x.size()), found(x.size());
  for (const NamedFunction& f : kFunctions) {
    (scalar.arithmetic.*f.member)(x.data(), expected.data(), x.size());
    (kernels.arithmetic.*f.member)(x.data(), found.data(), x.size());
    size_t differing = 0;
    for (size_t i = 0; i < x.size(); i++) {
      if (check::sameBits(expected[i], found[i])) continue;
      if (differing++ < 3)
        std::printf("%s %s(%a) = %a, scalar %a\n", kernels.name, f.name, x[i], found[i], expected[i]);
    }
    CHECK(differing == 0);
  }
}

/// Every short length, from every offset, into a guarded buffer.
void shortLengths(const KernelTable& kernels) {
  for (size_t n = 0; n <= 17; n++) {
    for (size_t offset = 0; offset < 3; offset++) {
      double x[24], out[24], expected[24];
      for (size_t i = 0; i < 24; i++) x[i] = 0.1 * static_cast<double>(i) - 1.0, out[i] = expected[i] = 77.0;
      kernels.arithmetic.exp(x + offset, out + offset, n);
      intermodel::findIsa("scalar").kernels->arithmetic.exp(x + offset, expected + offset, n);
      for (size_t i = 0; i < 24; i++) CHECK(check::sameBits(out[i], expected[i]));
    }
  }
}

/// The NaN that comes out is the canonical one, whatever NaN went in.
void canonicalNan(const KernelTable& kernels) {
  const double x[] = {intermodel::doubleFromBits(0xfff8000000000001ull),
                      intermodel::doubleFromBits(0x7ff0000000000001ull)};
  for (const NamedFunction& f : kFunctions) {
    double out[2];
    (kernels.arithmetic.*f.member)(x, out, 2);
    for (double y : out) CHECK(intermodel::bitsOf(y) == 0x7ff8000000000000ull);
  }
}

void hashes(const std::vector<double>& x) {
  std::vector<double> y(x.size());
  for (const NamedFunction& f : kFunctions) {
    (intermodel::bestIsa().kernels->arithmetic.*f.member)(x.data(), y.data(), x.size());
    const uint32_t found = points::hash(y);
    std::printf("  \"%s\": \"%08x\",\n", f.name, found);
    for (const NamedHash& expected : kHashes)
      if (std::strcmp(expected.name, f.name) == 0) CHECK(expected.hash == found);
  }
}

}  // namespace

int main() {
  const std::vector<double> x = points::all();
  for (const IsaChoice& choice : intermodel::listIsas()) {
    if (choice.kernels == nullptr) {
      std::printf("# not run: %s: %s\n", choice.name, intermodel::describe(choice.status));
      continue;
    }
    std::printf("# %s, %d lanes, %zu points per function\n", choice.name, choice.kernels->lanes, x.size());
    compareWithScalar(*choice.kernels, x);
    shortLengths(*choice.kernels);
    canonicalNan(*choice.kernels);
  }
  hashes(x);
  return check::finish();
}

/// Elementwise functions, softmax, tree sums and matrix products, over any numbers.
#include "agree.hpp"
#include "input.hpp"

using intermodel::ArithmeticKernels;
using intermodel::GemmArguments;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t m = input.whole(1, 12), n = input.whole(1, 40), k = input.whole(1, 20);
  const bool aTurned = input.byte() % 2, bTurned = input.byte() % 2, withInit = input.byte() % 2;
  const std::vector<double> x = input.anys(n), y = input.anys(n), z = input.anys(m * n);
  const std::vector<double> a = input.anys(m * k), b = input.anys(k * n), init = input.anys(n);
  fuzz::sameOnAll([&](const intermodel::KernelTable& kernels, fuzz::Results& results) {
    const ArithmeticKernels& f = kernels.arithmetic;
    for (const auto function : {f.exp, f.expm1, f.log, f.log1p, f.sigmoid, f.sigmoidDerivative, f.tanh}) {
      std::vector<double> out(n);
      function(x.data(), out.data(), n);
      results.keep(out);
    }
    results.keep(f.treeSum(x.data(), n));
    results.keep(f.treeDot(x.data(), y.data(), n));
    if (n > 0) {
      std::vector<double> soft(m * n), sums(m);
      f.softmax(z.data(), soft.data(), m, n);
      f.logSumExp(z.data(), sums.data(), m, n);
      results.keep(soft);
      results.keep(sums);
    }
    std::vector<double> c(m * n), product(m);
    GemmArguments arguments{.m = m,
                            .n = n,
                            .k = k,
                            .a = a.data(),
                            .aRow = aTurned ? 1 : k,
                            .aColumn = aTurned ? m : 1,
                            .b = b.data(),
                            .bRow = bTurned ? 1 : n,
                            .bColumn = bTurned ? k : 1,
                            .init = withInit ? init.data() : nullptr,
                            .initRow = 0,
                            .c = c.data(),
                            .cRow = n};
    std::vector<double> scratch(f.gemmScratch(arguments));
    f.gemm(arguments, scratch.data());
    results.keep(c);
    f.matVec(a.data(), k, b.data(), nullptr, product.data(), m, k);
    results.keep(product);
  });
  return 0;
}

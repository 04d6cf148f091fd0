/// The ArithmeticKernels of one instruction set.
#pragma once

#include "arithmetic.hpp"
#include "gemm.hpp"
#include "mat_vec.hpp"
#include "reduce.hpp"

namespace intermodel {
namespace {

template <F64 (*Function)(F64)>
static void mapElements(const double* x, double* out, size_t n) {
  size_t r = 0;
  for (; r + kLanes <= n; r += kLanes) store(out + r, Function(load(x + r)));
  if (r < n) storePartial(out + r, Function(loadPartial(x + r, n - r)), n - r);
}

void softmaxRows(const double* z, double* out, size_t rows, size_t columns) {
  for (size_t row = 0; row < rows; row++) softmaxRow(z + row * columns, out + row * columns, columns);
}

void logSumExpRows(const double* z, double* out, size_t rows, size_t columns) {
  for (size_t row = 0; row < rows; row++) out[row] = logSumExpRow(z + row * columns, columns);
}

const char* identify() { return INTERMODEL_ISA_NAME; }

constexpr ArithmeticKernels arithmeticKernels() {
  return {
      .identify = identify,
      .exp = mapElements<exp>,
      .expm1 = mapElements<expm1>,
      .log = mapElements<log>,
      .log1p = mapElements<log1p>,
      .sigmoid = mapElements<sigmoid>,
      .sigmoidDerivative = mapElements<sigmoidDerivative>,
      .tanh = mapElements<tanh>,
      .softmax = softmaxRows,
      .logSumExp = logSumExpRows,
      .treeSum = treeSum,
      .treeDot = treeDot,
      .gemmScratch = gemmScratch,
      .gemm = gemm,
      .matVec = matVec,
  };
}

}  // namespace
}  // namespace intermodel

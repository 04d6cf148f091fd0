/// What every instruction set offers for plain arithmetic. A family of kernels is one such struct of function pointers.
#pragma once

#include <stddef.h>

namespace intermodel {

/// C[i, j] = init[i, j] + sum over p of A[i, p] B[p, j], each output one ascending chain of fused multiply-adds.
/// The operands must not overlap, except that `init` may be `c` itself with initRow = cRow.
struct GemmArguments {
  size_t m, n, k;
  const double* a;
  size_t aRow, aColumn;  ///< A[i, p] is a[i * aRow + p * aColumn]: (k, 1) row-major, (1, m) transposed
  const double* b;
  size_t bRow, bColumn;  ///< B[p, j] is b[p * bRow + j * bColumn]: (n, 1) row-major, (1, k) transposed
  const double* init;    ///< where the chains start; null means +0
  size_t initRow;        ///< init[i, j] is init[i * initRow + j]: 0 adds one bias row to every row
  double* c;
  size_t cRow;  ///< C[i, j] is c[i * cRow + j]
};

struct ArithmeticKernels {
  using Elementwise = void (*)(const double* x, double* out, size_t n);

  /// The name of the instruction set this code was compiled for, answered by that code.
  const char* (*identify)();

  // out[r] = f(x[r]); out may be x
  Elementwise exp, expm1, log, log1p, sigmoid, sigmoidDerivative, tanh;

  /// Row-wise over z [rows, columns]. out must not overlap z.
  void (*softmax)(const double* z, double* out, size_t rows, size_t columns);
  /// Row-wise over z [rows, columns]; out [rows].
  void (*logSumExp)(const double* z, double* out, size_t rows, size_t columns);

  double (*treeSum)(const double* x, size_t n);
  double (*treeDot)(const double* a, const double* b, size_t n);

  /// Doubles of scratch that gemm needs for these sizes and strides; may be 0.
  size_t (*gemmScratch)(const GemmArguments& arguments);
  void (*gemm)(const GemmArguments& arguments, double* scratch);
  /// y[i] = init[i] (or +0) + sum over p of A[i, p] x[p], ascending chains; A row-major with the given row stride.
  void (*matVec)(const double* a, size_t aRow, const double* x, const double* init, double* y, size_t m, size_t k);
};

}  // namespace intermodel

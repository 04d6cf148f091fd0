/** Elementwise functions of the arithmetic contract, for checks and benchmarks across backends. */
export interface ArithmeticKernels {
  exp(out: Float64Array, x: Float64Array): void;
  expm1(out: Float64Array, x: Float64Array): void;
  log(out: Float64Array, x: Float64Array): void;
  log1p(out: Float64Array, x: Float64Array): void;
  sigmoid(out: Float64Array, x: Float64Array): void;
  sigmoidDerivative(out: Float64Array, x: Float64Array): void;
}

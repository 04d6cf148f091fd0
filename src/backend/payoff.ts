/** Kernels of the payoff family. Flat and positional: outputs first, then inputs, then sizes; see src/reference/payoff.ts. */
export interface PayoffKernels {
  /** Whether `count` matrices [n, n] are finite and exactly symmetric. */
  areSymmetric(matrices: Float64Array, count: number, n: number): boolean;
  weightGradient(
    gradient: Float64Array,
    loss: Float64Array,
    mask: Float64Array,
    derivative: Float64Array,
    reference: Float64Array,
    data: Float64Array,
    storage: number,
    rank: number,
    own: number,
    n: number,
  ): void;
  headWeightGradient(
    gradient: Float64Array,
    inner: Float64Array,
    inputGradient: Float64Array,
    responses: Float64Array,
    derivativeRow: Float64Array,
    batch: number,
    n: number,
    width: number,
  ): void;
  payoffGradient(
    out: Float64Array,
    lossGradient: Float64Array,
    stake: Float64Array,
    lossFactor: number,
    rankFactor: number,
    n: number,
  ): void;
}

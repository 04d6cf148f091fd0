/** Kernels of the projections. Flat and positional: outputs first, then inputs, then sizes; see src/reference/projection.ts. */
export interface ProjectionKernels {
  projectSimplex(out: Float64Array, rows: Float64Array, floor: number, count: number, n: number): void;
  /** Whether the steps are finite; else the result means nothing. */
  projectBoundedStep(out: Float64Array, rows: Float64Array, steps: Float64Array, epsilon: number, count: number, n: number): boolean;
  residuals(
    gap: Float64Array,
    natural: Float64Array,
    regret: Float64Array,
    weights: Float64Array,
    gradient: Float64Array,
    epsilon: number,
    count: number,
    n: number,
  ): void;
}

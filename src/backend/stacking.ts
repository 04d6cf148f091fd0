/** Kernels of the stacking family; see src/reference/stacking.ts. */
export interface StackingKernels {
  /**
   * losses [problems, samples], weighted; gradient [width + 1, problems * outputs], its last row that of the biases, or empty;
   * features [samples, width]; parameters like gradient; labels [samples] and targets [samples, outputs], the one that the loss does not
   * read empty; weights [problems, samples], at least 0.
   */
  stackingGradient(
    losses: Float64Array,
    gradient: Float64Array,
    features: Float64Array,
    parameters: Float64Array,
    labels: Int32Array,
    targets: Float64Array,
    weights: Float64Array,
    loss: number,
    samples: number,
    width: number,
    problems: number,
    outputs: number,
  ): void;
}

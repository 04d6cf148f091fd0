/** Kernels of the dense family; see src/reference/dense.ts. */
export interface DenseKernels {
  /**
   * outputs [samples, width of the last layer], rounded to single precision; parameters: weights [inputs, outputs] and bias [outputs] of each layer in turn;
   * sizes [layers + 1]; activations [layers], positions in ACTIVATIONS; a sample is `given` numbers of `inputs` [samples, given] followed by the rest of
   * sizes[0], of `context` [samples, sizes[0] - given].
   */
  denseForward(
    outputs: Float32Array,
    parameters: Float64Array,
    sizes: Int32Array,
    activations: Int32Array,
    inputs: Float32Array,
    context: Float32Array,
    given: number,
    samples: number,
  ): void;

  /** gradient: dL/dparameters, laid out like them; upstream [samples, width of the last layer] = dL/doutputs. */
  denseGradient(
    gradient: Float64Array,
    parameters: Float64Array,
    sizes: Int32Array,
    activations: Int32Array,
    inputs: Float32Array,
    context: Float32Array,
    upstream: Float32Array,
    given: number,
    samples: number,
  ): void;

  /** One step of Adam, in place on parameters and both moments; corrections are 1 - beta^steps, shrink is 1 - size * weight decay. */
  adamStep(
    parameters: Float64Array,
    first: Float64Array,
    second: Float64Array,
    gradient: Float64Array,
    size: number,
    shrink: number,
    correction1: number,
    correction2: number,
  ): void;
}

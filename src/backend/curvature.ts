/** Kernels of the curvature family. Flat and positional: outputs first, then inputs, then sizes; see src/reference/curvature.ts. */
export interface CurvatureKernels {
  quadraticForm(
    out: Float64Array,
    data: Float64Array,
    vectors: Float64Array,
    count: number,
    n: number,
    storage: number,
    rank: number,
    own: number,
  ): void;
  outputQuadraticForm(
    out: Float64Array,
    logits: Float64Array,
    vectors: Float64Array,
    loss: number,
    batch: number,
    outputs: number,
    peers: number,
  ): void;
  removalScores(
    scores: Float64Array,
    linear: Float64Array,
    quadratic: Float64Array,
    responses: Float64Array,
    parameters: Float64Array,
    sizes: Int32Array,
    activations: Int32Array,
    labels: Int32Array,
    targets: Float64Array,
    noise: Float64Array,
    draws: number,
    estimator: number,
    loss: number,
    batch: number,
    peers: number,
    width: number,
  ): void;
  importance(out: Float64Array, parameters: Float64Array, sizes: Int32Array, activations: Int32Array, peers: number, width: number): void;
  peerGram(
    gram: Float64Array,
    factor: Float64Array,
    responses: Float64Array,
    parameters: Float64Array,
    sizes: Int32Array,
    activations: Int32Array,
    loss: number,
    batch: number,
    peers: number,
    width: number,
  ): void;
  sumSamples(out: Float64Array, values: Float64Array, batch: number, columns: number): void;
  headForward(
    out: Float64Array,
    responses: Float64Array,
    parameters: Float64Array,
    sizes: Int32Array,
    activations: Int32Array,
    batch: number,
    peers: number,
    width: number,
  ): void;
  headGradient(
    losses: Float64Array,
    logits: Float64Array,
    responseGradient: Float64Array,
    parameterGradient: Float64Array,
    responses: Float64Array,
    parameters: Float64Array,
    sizes: Int32Array,
    activations: Int32Array,
    labels: Int32Array,
    targets: Float64Array,
    outputGradient: Float64Array,
    loss: number,
    divisor: number,
    batch: number,
    peers: number,
    width: number,
  ): void;
}

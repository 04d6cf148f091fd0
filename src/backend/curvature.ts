/**
 * Kernels of the curvature family. Flat and positional: outputs first, then inputs, then sizes; see src/reference/curvature.ts.
 *
 * Those that read responses return whether the pre-activation of the first layer's first output is finite in every sample. Then every
 * response is finite: they all enter its chain, and with finite weights no infinity or NaN leaves it. Otherwise something overflowed, or
 * a response was not finite and the result means nothing: the caller looks.
 */
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
    responses: Float64Array | Float32Array,
    answered: Int32Array,
    head: object,
    widths: Int32Array,
    baseline: Float64Array,
    labels: Int32Array,
    targets: Float64Array,
    sampleWeights: Float64Array,
    groupOffsets: Int32Array,
    groupMembers: Int32Array,
    noise: Float64Array,
    draws: number,
    estimator: number,
    loss: number,
    batch: number,
  ): boolean;
  /** The tier in single precision: 'gaussNewton' of one linear layer; src/reference/curvature-single.ts. */
  removalScoresSingle(
    scores: Float64Array,
    responses: Float32Array,
    head: object,
    widths: Int32Array,
    sampleWeights: Float64Array,
    loss: number,
    batch: number,
  ): boolean;
  importance(out: Float64Array, head: object, widths: Int32Array): void;
  /** A handle to a copy of a head, laid out as the kernels of this backend read it; freed when nothing refers to it. */
  prepareHead(parameters: Float64Array, sizes: Int32Array, activations: Int32Array): object;
  peerGram(
    gram: Float64Array,
    factor: Float64Array,
    responses: Float64Array | Float32Array,
    answered: Int32Array,
    head: object,
    widths: Int32Array,
    baseline: Float64Array,
    sampleWeights: Float64Array,
    loss: number,
    batch: number,
  ): boolean;
  sumSamples(out: Float64Array, values: Float64Array, batch: number, columns: number): void;
  headForward(out: Float64Array, responses: Float64Array | Float32Array, head: object, widths: Int32Array, batch: number): boolean;
  headGradient(
    losses: Float64Array,
    logits: Float64Array,
    responseGradient: Float64Array,
    parameterGradient: Float64Array,
    responses: Float64Array | Float32Array,
    head: object,
    widths: Int32Array,
    labels: Int32Array,
    targets: Float64Array,
    sampleWeights: Float64Array,
    outputGradient: Float64Array,
    loss: number,
    divisor: number,
    batch: number,
  ): boolean;
}

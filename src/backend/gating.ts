/** Kernels of the gating family. `answered` holds 0 or 1 per (sample, peer); every sample has at least one answer. */
export interface GatingKernels {
  gate(
    weights: Float64Array,
    selected: Int32Array,
    scores: Float64Array,
    answered: Int32Array,
    k: number,
    batch: number,
    peers: number,
  ): void;
  gateGradient(gradient: Float64Array, weights: Float64Array, upstream: Float64Array, batch: number, peers: number): void;
  gateBalance(
    loss: Float64Array,
    dispatch: Float64Array,
    importance: Float64Array,
    gradient: Float64Array,
    scores: Float64Array,
    answered: Int32Array,
    k: number,
    batch: number,
    peers: number,
  ): void;
  noisyScores(noisy: Float64Array, scores: Float64Array, noise: Float64Array, draws: Float64Array): void;
  noisyScoresGradient(gradient: Float64Array, noise: Float64Array, draws: Float64Array, upstream: Float64Array): void;
  /** query [batch, 2 width], first [rows, width], second [columns, width]; outputs [batch, k], padded with -1, 0, 0. */
  productKeyGate(
    selected: Int32Array,
    weights: Float64Array,
    scores: Float64Array,
    query: Float64Array,
    first: Float64Array,
    second: Float64Array,
    answered: Int32Array,
    k: number,
    batch: number,
    rows: number,
    columns: number,
    width: number,
    peers: number,
  ): void;
  productKeyGateGradient(
    queryGradient: Float64Array,
    firstGradient: Float64Array,
    secondGradient: Float64Array,
    query: Float64Array,
    first: Float64Array,
    second: Float64Array,
    selected: Int32Array,
    weights: Float64Array,
    upstream: Float64Array,
    k: number,
    batch: number,
    rows: number,
    columns: number,
    width: number,
  ): void;
}

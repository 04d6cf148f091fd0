/** Kernels of the ranking family. Flat and positional: outputs first, then inputs, then sizes; see src/reference/ranking.ts. */
export interface RankingKernels {
  /** Whether every row [count, n] holds finite numbers of at least 0 that sum to 1 within the tolerance. */
  areWeights(rows: Float64Array, tolerance: number, count: number, n: number): boolean;
  idealRanking(out: Float64Array, scores: Float64Array, participants: number, n: number): void;
  interRanking(out: Float64Array, scores: Float64Array, rows: number, n: number): void;
  networkRanking(out: Float64Array, weights: Float64Array, stake: Float64Array, n: number): void;
  rankGradient(out: Float64Array, weights: Float64Array, stake: Float64Array, norm: number, n: number): void;
  inflate(out: Float64Array, minted: Float64Array, stake: Float64Array, ranking: Float64Array, tau: number, norm: number, n: number): void;
}

/** Ranking and stake: equations (2) to (6), as written. Weights are [n, n]: w[i][j] is what rater i gives peer j. */
import { fma, treeDot, treeSum } from '../core/arithmetic/index.js';

/** Ways to normalise an emission; the position is the code that kernels receive. */
export const NORMS = ['l2', 'l1', 'none'] as const;

/** (2): R_j = (1/m) sum over the m participants of scores[i][j]. */
export function idealRanking(out: Float64Array, scores: Float64Array, participants: number, n: number): void {
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < participants; i++) sum += scores[i * n + j];
    out[j] = sum / participants;
  }
}

/** (3): each row divided by its sum, scaled by its largest entry first; a row of zeros becomes 1/n throughout. */
export function interRanking(out: Float64Array, scores: Float64Array, rows: number, n: number): void {
  for (let i = 0; i < rows; i++) {
    let largest = 0;
    for (let j = 0; j < n; j++) if (scores[i * n + j] > largest) largest = scores[i * n + j];
    for (let j = 0; j < n; j++) out[i * n + j] = largest > 0 ? scores[i * n + j] / largest : 1;
    const sum = treeSum(out, i * n, n);
    for (let j = 0; j < n; j++) out[i * n + j] /= sum;
  }
}

/** (4), (5): R_j = (1/n) sum_i s_i w_ij with the rater's stake; the same number is the shift mu_j of (7). */
export function networkRanking(out: Float64Array, weights: Float64Array, stake: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = fma(stake[i], weights[i * n + j], sum);
    out[j] = sum / n;
  }
}

/** (6): out = S + tau R / |R|; minted [1] is what was added in all. */
export function inflate(
  out: Float64Array,
  minted: Float64Array,
  stake: Float64Array,
  ranking: Float64Array,
  tau: number,
  norm: number,
  n: number,
): void {
  const size = emissionNorm(ranking, norm, n);
  const added = new Float64Array(n);
  if (size > 0) for (let j = 0; j < n; j++) added[j] = (tau * ranking[j]) / size;
  for (let j = 0; j < n; j++) out[j] = stake[j] + added[j];
  minted[0] = treeSum(added);
}

/** dr_i/dw_ij of the own emission r_i = R_i / |R|: (s_i / n) ([i = j] - R_i |R|'_j) / |R|, or (s_i / n) [i = j] where nothing is normalised. */
export function rankGradient(out: Float64Array, weights: Float64Array, stake: Float64Array, norm: number, n: number): void {
  const ranking = new Float64Array(n);
  networkRanking(ranking, weights, stake, n);
  const size = emissionNorm(ranking, norm, n);
  for (let i = 0; i < n; i++) {
    const scale = size > 0 ? stake[i] / n / size : 0;
    const share = size > 0 ? ranking[i] / size : 0;
    for (let j = 0; j < n; j++) {
      const normSlope = NORMS[norm] === 'none' ? 0 : NORMS[norm] === 'l1' ? 1 : size > 0 ? ranking[j] / size : 0;
      out[i * n + j] = ((i === j ? 1 : 0) - share * normSlope) * scale;
    }
  }
}

function emissionNorm(ranking: Float64Array, norm: number, n: number): number {
  if (NORMS[norm] === 'none') return 1;
  return NORMS[norm] === 'l1' ? treeSum(ranking, 0, n) : Math.sqrt(treeDot(ranking, ranking, 0, 0, n));
}

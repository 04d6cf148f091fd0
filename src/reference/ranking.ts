/** Ranking and stake: equations (2) to (6), as written. Weights are [n, n]: w[i][j] is what rater i gives peer j. */

import { fma, treeDot, treeSum } from '../core/arithmetic/index.js';
import { EMISSION_NORMS } from '../core/closed-lists.js';
import { largestSize, safeScale } from './safe-scale.js';

/** Whether every row [count, n] holds finite numbers of at least 0 that sum to 1 within the tolerance. */
export function areWeights(rows: Float64Array, tolerance: number, count: number, n: number): boolean {
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) {
      const entry = rows[i * n + j];
      if (!(entry >= 0)) return false;
      sum += entry;
    }
    if (!(Math.abs(sum - 1) <= tolerance)) return false;
  }
  return true;
}

/** Terms of a mean are made this much smaller where their sum overflows. */
const UNIT = 2 ** -64;

/** (2): R_j = (1/m) sum over the m participants of scores[i][j]. */
export function idealRanking(out: Float64Array, scores: Float64Array, participants: number, n: number): void {
  columnMeans(out, scores, undefined, participants, n);
}

/** Means down the columns, each term times its row's stake; where a sum overflows, once more with smaller terms. */
function columnMeans(out: Float64Array, matrix: Float64Array, stake: Float64Array | undefined, rows: number, n: number): void {
  plainMeans(out, matrix, (i) => stake?.[i] ?? 1, rows, n);
  if (out.every(Number.isFinite)) return;
  plainMeans(out, matrix, (i) => (stake?.[i] ?? 1) * UNIT, rows, n);
  for (let j = 0; j < n; j++) out[j] /= UNIT;
}

function plainMeans(out: Float64Array, matrix: Float64Array, factor: (i: number) => number, rows: number, n: number): void {
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum = fma(factor(i), matrix[i * n + j], sum);
    out[j] = sum / rows;
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
  columnMeans(out, weights, stake, n, n);
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
  const { scaled, size } = emission(ranking, norm, n);
  const tauScale = safeScale(tau);
  const added = new Float64Array(n);
  if (size > 0) for (let j = 0; j < n; j++) added[j] = ((tau * tauScale * scaled[j]) / size) * (1 / tauScale);
  for (let j = 0; j < n; j++) out[j] = stake[j] + added[j];
  minted[0] = treeSum(added);
}

/** dr_i/dw_ij of the own emission r_i = R_i / |R|: (s_i / n) ([i = j] - R_i |R|'_j) / |R|, or (s_i / n) [i = j] where nothing is normalised. */
export function rankGradient(out: Float64Array, weights: Float64Array, stake: Float64Array, norm: number, n: number): void {
  const ranking = new Float64Array(n);
  networkRanking(ranking, weights, stake, n);
  const { scaled, size, factor } = emission(ranking, norm, n);
  for (let i = 0; i < n; i++) {
    const scale = size > 0 ? (stake[i] * factor) / n / size : 0;
    const share = size > 0 ? scaled[i] / size : 0;
    for (let j = 0; j < n; j++) {
      const normSlope = EMISSION_NORMS[norm] === 'none' ? 0 : EMISSION_NORMS[norm] === 'l1' ? 1 : size > 0 ? scaled[j] / size : 0;
      out[i * n + j] = ((i === j ? 1 : 0) - share * normSlope) * scale;
    }
  }
}

/** R times a power of two that keeps its norm in range, and that norm. */
function emission(ranking: Float64Array, norm: number, n: number): { scaled: Float64Array; size: number; factor: number } {
  if (EMISSION_NORMS[norm] === 'none') return { scaled: ranking, size: 1, factor: 1 };
  const factor = safeScale(largestSize(ranking));
  const scaled = ranking.map((entry) => entry * factor);
  return { scaled, size: EMISSION_NORMS[norm] === 'l1' ? treeSum(scaled, 0, n) : Math.sqrt(treeDot(scaled, scaled, 0, 0, n)), factor };
}

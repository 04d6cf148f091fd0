/**
 * Product-key gating: peer (i, j) has the key [first_i, second_j], so the best k of rows * columns keys are found from
 * rows + columns dot products.
 *
 * The keys are visited best first through a frontier. The order is total: larger score first; among equal scores, the
 * better row (larger row score, then lower index) first, then the better column. Rounding is monotone, so no key can
 * precede another that has a better row and a better column, and the visit order is that of a sort of all keys.
 */
import { fma, matVec, softmax } from '../core/arithmetic/index.js';
import { gate, gateBalance, gateGradient, noisyScores, noisyScoresGradient, softmaxGradient } from './gating.js';

/**
 * Chosen peers [batch, k], their key scores and weights, best first; -1, 0, 0 where fewer than k answered.
 * There are rows * columns keys, of which those below `peers` exist; codes have `width` numbers.
 */
export function productKeyGate(
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
): void {
  selected.fill(-1);
  weights.fill(0);
  scores.fill(0);
  for (let b = 0; b < batch; b++) {
    const from = b * 2 * width;
    const rowScores = matVec(first, query.subarray(from, from + width), rows, width);
    const columnScores = matVec(second, query.subarray(from + width, from + 2 * width), columns, width);
    const present = answered.subarray(b * peers, (b + 1) * peers);
    const chosen = selected.subarray(b * k, (b + 1) * k);
    const chosenScores = scores.subarray(b * k, (b + 1) * k);
    const count = bestKeys(chosen, chosenScores, rowScores, columnScores, present);
    weights.set(softmax(chosenScores.slice(0, count)), b * k);
  }
}

/** Visits keys best first and keeps the answered ones until `chosen` is full; returns how many were kept. */
function bestKeys(
  chosen: Int32Array,
  chosenScores: Float64Array,
  rowScores: Float64Array,
  columnScores: Float64Array,
  answered: Int32Array,
): number {
  const columns = columnScores.length;
  const rowOrder = descending(rowScores);
  const columnOrder = descending(columnScores);
  const next = new Int32Array(rowScores.length); // the next column, in rank, of each row, in rank
  let open = 0; // rows of rank below this have been opened: a row opens when the row before it has given its first key
  let count = 0;
  while (count < chosen.length) {
    let best = -1;
    let bestScore = 0;
    const limit = Math.min(open + 1, rowScores.length);
    for (let rank = 0; rank < limit; rank++) {
      if (next[rank] === columns) continue;
      const score = rowScores[rowOrder[rank]] + columnScores[columnOrder[next[rank]]];
      if (best < 0 || score > bestScore) {
        best = rank;
        bestScore = score;
      }
    }
    if (best < 0) break;
    const peer = rowOrder[best] * columns + columnOrder[next[best]];
    next[best] += 1;
    if (best === open) open += 1;
    if (peer >= answered.length || answered[peer] === 0) continue;
    chosen[count] = peer;
    chosenScores[count] = bestScore;
    count += 1;
  }
  return count;
}

/** Indices by descending score, equal scores by lower index. */
function descending(scores: Float64Array): Int32Array {
  return Int32Array.from(scores.keys()).sort((i, j) => (scores[i] === scores[j] ? i - j : scores[j] > scores[i] ? 1 : -1));
}

/** Gradients of query [batch, 2 width], first [rows, width] and second [columns, width] from dL/dweights [batch, k]. */
export function productKeyGateGradient(
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
  _rows: number,
  columns: number,
  width: number,
): void {
  queryGradient.fill(0);
  firstGradient.fill(0);
  secondGradient.fill(0);
  const slope = new Float64Array(k);
  for (let b = 0; b < batch; b++) {
    softmaxGradient(slope, weights.subarray(b * k, (b + 1) * k), upstream.subarray(b * k, (b + 1) * k));
    for (let slot = 0; slot < k; slot++) {
      const peer = selected[b * k + slot];
      if (peer < 0) break;
      const row = Math.floor(peer / columns) * width;
      const column = (peer % columns) * width;
      const left = b * 2 * width;
      const right = left + width;
      for (let m = 0; m < width; m++) {
        queryGradient[left + m] = fma(slope[slot], first[row + m], queryGradient[left + m]);
        queryGradient[right + m] = fma(slope[slot], second[column + m], queryGradient[right + m]);
        firstGradient[row + m] = fma(slope[slot], query[left + m], firstGradient[row + m]);
        secondGradient[column + m] = fma(slope[slot], query[right + m], secondGradient[column + m]);
      }
    }
  }
}

/** The kernels of this family. */
export const gatingReference = {
  gate,
  gateGradient,
  gateBalance,
  noisyScores,
  noisyScoresGradient,
  productKeyGate,
  productKeyGateGradient,
};

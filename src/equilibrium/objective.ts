/**
 * What a choice of weights is worth, as a function with its gradient: for one participant (10), (13), and for all together.
 *
 * In plain sums: a second route beside the kernels, for searches whose bits do not matter.
 */
import { sigmoid, sigmoidDerivative } from '../core/arithmetic/index.js';
import { HESSIAN_STORAGES } from '../core/closed-lists.js';
import { hessianStride } from '../reference/payoff.js';
import type { Game } from './types.js';

/** A function of some rows of weights that is to be made large. */
export interface Objective {
  /** The value at weights [rows, n] and its gradient there. */
  at(weights: Float64Array): { readonly value: number; readonly gradient: Float64Array };
  readonly rows: number;
  readonly n: number;
}

/** One participant's payoff as a function of its own row, the others held fixed: (10) or (13), as the game is scaled. */
export function rowObjective(game: Game, weights: Float64Array, row: number): Objective {
  const { n, stake } = game;
  const others = new Float64Array(n);
  for (let k = 0; k < n; k++) if (k !== row) for (let j = 0; j < n; j++) others[j] += stake[k] * weights[k * n + j];
  const ownShare = game.shiftGradient === 'exact' ? (n - 1) / n : 1;
  return {
    rows: 1,
    n,
    at(w) {
      const shift = others.map((sum, j) => (sum + stake[row] * w[j]) / n);
      const { loss, slope } = lossAt(game, row, w, shift);
      const gradient = slope.map((entry) => game.lossFactor * entry * stake[row] * ownShare);
      gradient[row] += (game.rankFactor * stake[row]) / n;
      return { value: game.lossFactor * loss + game.rankFactor * shift[row], gradient };
    },
  };
}

/** Minus the total loss of all participants as a function of all weights, each one's part in every shift included. */
export function jointObjective(game: Game): Objective {
  const { n, stake } = game;
  return {
    rows: n,
    n,
    at(weights) {
      const shift = shiftAt(game, weights);
      const slopes = new Float64Array(n * n);
      const mean = new Float64Array(n);
      let total = 0;
      for (let i = 0; i < n; i++) {
        const { loss, slope } = lossAt(game, i, weights.subarray(i * n, (i + 1) * n), shift);
        total += loss;
        slopes.set(slope, i * n);
        for (let j = 0; j < n; j++) mean[j] += slope[j] / n;
      }
      const gradient = slopes.map((own, at) => -stake[Math.floor(at / n)] * (own - mean[at % n]));
      return { value: -total, gradient };
    },
  };
}

/** mu [n] = R [n] of (5). */
export function shiftAt({ n, stake }: Game, weights: Float64Array): Float64Array {
  const shift = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) shift[j] += (stake[i] * weights[i * n + j]) / n;
  return shift;
}

/** L_i of one row of weights, and dL_i / d(s_i w_ij - mu_j). */
function lossAt(game: Game, i: number, w: Float64Array, shift: Float64Array): { loss: number; slope: Float64Array } {
  const { n, stake, temperature, openDiagonal, referenceMask } = game;
  const x = shift.map((mu, j) => (stake[i] * w[j] - mu) / temperature);
  const isOpen = (j: number) => openDiagonal && i === j;
  const delta = x.map((at, j) => (isOpen(j) ? 1 : sigmoid(at)) - referenceMask[i * n + j]);
  const pulled = applyHessian(game, i, delta);
  let loss = 0;
  for (let j = 0; j < n; j++) loss += delta[j] * pulled[j];
  return { loss, slope: pulled.map((pull, j) => (isOpen(j) ? 0 : (2 * pull * sigmoidDerivative(x[j])) / temperature)) };
}

/** H_i v in plain sums. */
export function applyHessian(game: Game, i: number, v: Float64Array): Float64Array {
  const { data, storage, rank, own } = game.hessians;
  const { n } = game;
  const kind = HESSIAN_STORAGES[storage];
  const at = i * hessianStride(storage, rank, own, n);
  if (kind === 'diagonal') return v.map((entry, j) => data[at + j] * entry);
  if (kind !== 'lowRank') return multiply(data, at, v, n, n);
  const coordinates = multiply(data, at, v, rank, n);
  const out = new Float64Array(n);
  for (let r = 0; r < rank; r++) for (let j = 0; j < n; j++) out[j] += data[at + r * n + j] * coordinates[r];
  return out;
}

function multiply(data: Float64Array, at: number, v: Float64Array, rows: number, n: number): Float64Array {
  const out = new Float64Array(rows);
  for (let r = 0; r < rows; r++) for (let j = 0; j < n; j++) out[r] += data[at + r * n + j] * v[j];
  return out;
}

/** What competition costs: the competitive equilibrium against the joint optimum of all participants. */
import { sigmoid, sigmoidDerivative } from '../core/arithmetic/index.js';
import { HESSIAN_STORAGES } from '../core/peers.js';
import { checkInteger, checkWeights, type NumericArray } from '../core/validate.js';
import { hessianStride } from '../reference/payoff.js';
import { projectSimplex } from '../reference/projection.js';
import { applyHessian } from './certificate.js';
import { asGame } from './game.js';
import type { Game, GameOptions } from './types.js';

const DEFAULT_STEPS = 2000;
const SMALLEST_GAIN = 1e-14;

/** Total loss and ranking of one way to choose the weights. */
export interface Outcome {
  readonly weights: Float64Array;
  /** R [n] by (5). */
  readonly ranking: Float64Array;
  /** sum_i L_i; the sum of all ranks is the same for every choice, so this alone is the welfare. */
  readonly totalLoss: number;
}

/** The three rankings of the paper side by side. */
export interface PriceOfAnarchy {
  /** [n]: (2) in the empirical model, the mean over participants of H_i[j, j]. */
  readonly ideal: Float64Array;
  /** The best weights found for all participants together. */
  readonly coordinated: Outcome;
  readonly competitive: Outcome;
  /** Total competitive over total coordinated loss, >= 1 up to the search; null when the coordinated loss is 0. */
  readonly price: number | null;
}

/**
 * The price of anarchy: total loss at the competitive weights over the least total loss that one coordinator finds.
 *
 * The total loss is not convex, so the coordinated optimum is the best of several starts: the price is a lower bound.
 * @shape weights [n, n]
 * @param options - `game`, the competitive `weights`, `steps` of the joint descent (default 2000).
 * @returns The ideal ranking, the coordinated and the competitive outcome, and the price.
 * @throws InputError as createGame
 * @cost up to 4 * steps joint gradients, in TypeScript
 * @paper section 3 (competitive and coordinated rank), R-04, R-22
 * @example
 * ```ts
 * import { priceOfAnarchy } from 'intermodel';
 * const game = {
 *   n: 2, temperature: 5, alpha: 25, tau: 1,
 *   hessian: { kind: 'diagonal', data: [2, 3] }, initialWeights: [0.5, 0.5, 0.5, 0.5],
 * } as const;
 * console.log(priceOfAnarchy({ game, weights: [1, 0, 0, 1] }).ideal); // Float64Array(2) [ 2, 3 ]
 * ```
 */
export function priceOfAnarchy(options: { game: Game | GameOptions; weights: NumericArray; steps?: number }): PriceOfAnarchy {
  const game = asGame(options.game);
  const { n } = game;
  const weights = checkWeights('weights', options.weights, n);
  const steps = checkInteger('steps', options.steps ?? DEFAULT_STEPS, 0);
  const even = weights.map(() => 1 / n);
  const identity = weights.map((_, at) => (at % (n + 1) === 0 ? 1 : 0));
  const found = [weights, game.initialWeights, even, identity].map((start) => descend(game, start, steps));
  const coordinated = found.reduce((best, other) => (other.totalLoss < best.totalLoss ? other : best));
  const competitive = outcomeAt(game, weights.slice());
  const price = coordinated.totalLoss > 0 ? competitive.totalLoss / coordinated.totalLoss : null;
  return { ideal: idealOf(game), coordinated, competitive, price };
}

/** Projected descent on the total loss with spectral steps and backtracking. */
function descend(game: Game, start: Float64Array, steps: number): Outcome {
  const { n } = game;
  let weights = start.slice();
  let { loss, gradient } = totalLoss(game, weights);
  let rate = 1;
  for (let step = 0; step < steps; step++) {
    let moved = false;
    for (let halving = 0; halving < 60 && !moved; halving++) {
      const next = weights.map((w, k) => w - rate * gradient[k]);
      projectSimplex(next, next, 0, n, n);
      const gain = weights.reduce((sum, w, k) => sum + gradient[k] * (w - next[k]), 0);
      if (gain <= SMALLEST_GAIN * loss) return outcomeAt(game, weights);
      const reached = totalLoss(game, next);
      moved = reached.loss <= loss - 1e-4 * gain;
      if (!moved) rate /= 4;
      else {
        rate = spectralRate(weights, next, gradient, reached.gradient, rate);
        [weights, loss, gradient] = [next, reached.loss, reached.gradient];
      }
    }
    if (!moved) break;
  }
  return outcomeAt(game, weights);
}

function spectralRate(from: Float64Array, to: Float64Array, before: Float64Array, after: Float64Array, rate: number): number {
  let ss = 0;
  let sy = 0;
  for (let k = 0; k < from.length; k++) {
    const s = to[k] - from[k];
    ss += s * s;
    sy += s * (after[k] - before[k]);
  }
  return sy > 0 ? Math.min(Math.max(ss / sy, 1e-6), 1e8) : rate * 2;
}

function outcomeAt(game: Game, weights: Float64Array): Outcome {
  return { weights, ranking: shiftAt(game, weights), totalLoss: totalLoss(game, weights).loss };
}

function shiftAt({ n, stake }: Game, weights: Float64Array): Float64Array {
  const shift = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) shift[j] += (stake[i] * weights[i * n + j]) / n;
  return shift;
}

/** sum_i L_i and its gradient in all weights, the shift's part of every participant included. */
function totalLoss(game: Game, weights: Float64Array): { loss: number; gradient: Float64Array } {
  const { n, stake, temperature, openDiagonal, referenceMask } = game;
  const shift = shiftAt(game, weights);
  const pull = new Float64Array(n * n); // dL_i/dx_ij / T
  const meanPull = new Float64Array(n);
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const x = shift.map((mu, j) => (stake[i] * weights[i * n + j] - mu) / temperature);
    const isOpen = (j: number) => openDiagonal && i === j;
    const delta = x.map((at, j) => (isOpen(j) ? 1 : sigmoid(at)) - referenceMask[i * n + j]);
    const pulled = applyHessian(game, i, delta);
    for (let j = 0; j < n; j++) {
      loss += delta[j] * pulled[j];
      pull[i * n + j] = isOpen(j) ? 0 : (2 * pulled[j] * sigmoidDerivative(x[j])) / temperature;
      meanPull[j] += pull[i * n + j] / n;
    }
  }
  const gradient = pull.map((own, at) => stake[Math.floor(at / n)] * (own - meanPull[at % n]));
  return { loss, gradient };
}

/** (2): in the empirical model removing j from participant i costs H_i[j, j]. */
function idealOf(game: Game): Float64Array {
  const { n } = game;
  const { data, storage, rank, own } = game.hessians;
  const kind = HESSIAN_STORAGES[storage];
  const ideal = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const at = i * hessianStride(storage, rank, own, n);
    for (let j = 0; j < n; j++) {
      let entry = 0;
      if (kind === 'diagonal') entry = data[at + j];
      else if (kind !== 'lowRank') entry = data[at + j * n + j];
      else for (let r = 0; r < rank; r++) entry += data[at + r * n + j] ** 2;
      ideal[j] += entry / n;
    }
  }
  return ideal;
}

/**
 * The search for an equilibrium, one game at a time, on a flat state (search-values.ts). The native loop does the same operations in
 * the same order, so after any number of steps both hold the same bits.
 *
 * One step reads the gradient at W, may find that the run has ended, and otherwise replaces W.
 */

import { exp, treeDot, treeSum } from '../core/arithmetic/index.js';
import { SEARCH_METHODS } from '../core/closed-lists.js';
import { competitionMask } from './competition.js';
import { payoffGradient, weightGradient } from './payoff.js';
import { boundedStepRow, projectSimplex } from './projection.js';
import { SearchValues } from './search-values.js';

/** Logits do not fall below this, so that a weight can come back: e^-50 is far below the last place of 1. */
export const LEAST_LOGIT = -50;

/** A run that comes this close to an earlier W, as a share of how far it had gone, repeats itself. */
const RETURN_SHARE = 1e-6;
/** Moves below this are rounding, not a cycle. */
const LEAST_EXCURSION = 1e-9;

/** One game as kernels take it. */
export interface GameArrays {
  readonly n: number;
  readonly data: Float64Array;
  readonly storage: number;
  readonly rank: number;
  readonly own: number;
  readonly stake: Float64Array;
  readonly referenceMask: Float64Array;
  readonly temperature: number;
  readonly lossFactor: number;
  readonly rankFactor: number;
  readonly shiftGradient: number;
  readonly openDiagonal: number;
  /** 1: clip at zero and divide by the sum, instead of projecting. */
  readonly clip: number;
}

/** Method and stopping rule as kernels take them. */
export interface RunSettings {
  /** Index into {@link SEARCH_METHODS}. */
  readonly method: number;
  readonly rate: number;
  readonly leastRate: number;
  readonly largestRate: number;
  readonly tolerance: number;
  readonly maxSteps: number;
  readonly checkEvery: number;
  readonly stopOnCycle: number;
  /** Largest change of a row in one step; 0: no bound. For the projected gradient alone. */
  readonly epsilon: number;
}

/**
 * Up to `steps` steps; fewer when the run ends. Returns the number of updates of W made. With `orders` [m, n] of the rows, step k moves
 * them one after the other in order k mod m, each reading the new rows of those before it; without, all read the same W.
 */
export function advance(state: Float64Array, game: GameArrays, settings: RunSettings, steps: number, orders?: Int32Array): number {
  const search = new SearchValues(state, game.n);
  const gradient = new Float64Array(game.n * game.n);
  for (let made = 0; made < steps; made++) {
    if (search.outcome !== 'running') return made;
    ascentDirection(gradient, search.weights, game);
    if (hasEnded(search, gradient, game, settings)) return made;
    if (orders === undefined || game.n === 0) update(search, gradient, game, settings);
    else updateInOrder(search.weights, game, settings, orderOf(search.step, orders, game.n));
    search.step += 1;
  }
  return steps;
}

function orderOf(step: number, orders: Int32Array, n: number): Int32Array {
  const at = (step % (orders.length / n)) * n;
  return orders.subarray(at, at + n);
}

/** The payoff's gradient in each row at W. */
export function ascentDirection(out: Float64Array, weights: Float64Array, game: GameArrays): void {
  const { n } = game;
  const mask = new Float64Array(n * n);
  const derivative = new Float64Array(n * n);
  const loss = new Float64Array(n);
  const { stake, temperature, shiftGradient, openDiagonal } = game;
  competitionMask(mask, derivative, new Float64Array(n), new Float64Array(1), weights, stake, temperature, shiftGradient, openDiagonal, n);
  weightGradient(out, loss, mask, derivative, game.referenceMask, game.data, game.storage, game.rank, game.own, n);
  payoffGradient(out, out.slice(), stake, game.lossFactor, game.rankFactor, n);
}

/** Looks at the residual when it is due, and for a return to the snapshot; sets the outcome when the run is over. */
function hasEnded(search: SearchValues, gradient: Float64Array, game: GameArrays, settings: RunSettings): boolean {
  const { step, weights, snapshot } = search;
  if (step % settings.checkEvery === 0 || step >= settings.maxSteps) {
    search.residual = largestResidual(weights, gradient, game.n);
    if (search.residual <= settings.tolerance) search.outcome = 'converged';
    else if (!(search.residual < Number.POSITIVE_INFINITY)) search.outcome = 'diverged';
    else if (step >= settings.maxSteps) search.outcome = 'stepLimit';
    if (search.outcome !== 'running') return true;
  }
  if (step >= 2 * search.snapshotStep) {
    // Brent's rule: compare with W at the last power of two, so a cycle of any length is met once the snapshot lies on it
    snapshot.set(weights);
    search.snapshotStep = step;
    search.farthest = 0;
    return false;
  }
  let distance = 0;
  for (let k = 0; k < weights.length; k++) distance = Math.max(distance, Math.abs(weights[k] - snapshot[k]));
  if (search.farthest > LEAST_EXCURSION && distance <= RETURN_SHARE * search.farthest) {
    if (search.period === 0) search.period = step - search.snapshotStep;
    if (settings.stopOnCycle === 1) search.outcome = 'cycling';
    return search.outcome !== 'running';
  }
  if (distance > search.farthest) search.farthest = distance;
  return false;
}

/** The largest natural residual |P(w + g) - w| of a row. */
export function largestResidual(weights: Float64Array, gradient: Float64Array, n: number): number {
  const moved = weights.map((w, k) => w + gradient[k]);
  projectSimplex(moved, moved, 0, n, n);
  let largest = 0;
  for (let i = 0; i < n; i++) {
    const difference = moved.subarray(i * n, (i + 1) * n).map((entry, j) => entry - weights[i * n + j]);
    const residual = Math.sqrt(treeDot(difference, difference));
    if (!(residual <= largest)) largest = residual;
  }
  return largest;
}

function update(search: SearchValues, gradient: Float64Array, game: GameArrays, settings: RunSettings): void {
  const method = SEARCH_METHODS[settings.method];
  if (method === 'softmax') {
    ascendLogits(search, gradient, game.n, settings.rate);
    return;
  }
  let rate = settings.rate;
  if (method === 'spectral') {
    if (search.step > 0) rate = spectralRate(search, gradient, game.n, settings);
    search.rate = rate;
    search.companion.set(gradient);
    search.previous.set(search.weights);
  }
  moveRows(search.weights, gradient, rate, 0, game.n, game, settings.epsilon);
}

function updateInOrder(weights: Float64Array, game: GameArrays, settings: RunSettings, order: Int32Array): void {
  const gradient = new Float64Array(weights.length);
  for (const row of order) {
    ascentDirection(gradient, weights, game);
    moveRows(weights, gradient, settings.rate, row, row + 1, game, settings.epsilon);
  }
}

/** Rows begin .. end - 1 of W + rate g, back on the simplex. */
function moveRows(
  weights: Float64Array,
  gradient: Float64Array,
  rate: number,
  begin: number,
  end: number,
  { n, clip }: GameArrays,
  epsilon: number,
): void {
  const rows = weights.subarray(begin * n, end * n);
  const along = gradient.subarray(begin * n, end * n);
  if (epsilon > 0) {
    for (let at = 0; at < rows.length; at += n) {
      const step = along.slice(at, at + n).map((g) => rate * g);
      if (!step.every(Number.isFinite)) return;
      rows.set(boundedStepRow(rows.slice(at, at + n), step, epsilon), at);
    }
    return;
  }
  for (let k = 0; k < rows.length; k++) rows[k] = rows[k] + rate * along[k];
  if (clip === 1) clipRows(rows, end - begin, n);
  else projectSimplex(rows, rows, 0, end - begin, n);
}

/** Barzilai and Borwein's two lengths in turn, from the last change of W and of the gradient; doubled where the payoff curves upwards. */
function spectralRate(search: SearchValues, gradient: Float64Array, n: number, settings: RunSettings): number {
  const { weights, companion, previous } = search;
  let ss = 0;
  let sy = 0;
  let yy = 0;
  for (let i = 0; i < n; i++) {
    const s = weights.subarray(i * n, (i + 1) * n).map((entry, j) => entry - previous[i * n + j]);
    const y = companion.subarray(i * n, (i + 1) * n).map((entry, j) => entry - gradient[i * n + j]);
    ss += treeDot(s, s);
    sy += treeDot(s, y);
    yy += treeDot(y, y);
  }
  let rate = search.rate * 2;
  if (sy > 0) rate = search.step % 2 === 1 ? ss / sy : sy / yy;
  return Math.min(Math.max(rate, settings.leastRate), settings.largestRate);
}

/** u <- u + rate g, shifted so that the largest logit is 0; W = softmax(u). */
function ascendLogits({ weights, companion }: SearchValues, gradient: Float64Array, n: number, rate: number): void {
  for (let i = 0; i < n; i++) {
    const at = i * n;
    let largest = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < n; j++) {
      companion[at + j] = companion[at + j] + rate * gradient[at + j];
      if (companion[at + j] > largest) largest = companion[at + j];
    }
    for (let j = 0; j < n; j++) {
      const shifted = companion[at + j] - largest;
      companion[at + j] = Math.max(shifted, LEAST_LOGIT);
      weights[at + j] = exp(companion[at + j]);
    }
    const sum = treeSum(weights, at, n);
    for (let j = 0; j < n; j++) weights[at + j] = weights[at + j] / sum;
  }
}

/** Clips each row at zero and divides by its sum; a row with nothing left becomes 1/n throughout. */
export function clipRows(weights: Float64Array, count: number, n: number): void {
  for (let i = 0; i < count; i++) {
    const at = i * n;
    for (let j = 0; j < n; j++) weights[at + j] = Math.max(weights[at + j], 0);
    const sum = treeSum(weights, at, n);
    for (let j = 0; j < n; j++) weights[at + j] = sum > 0 ? weights[at + j] / sum : 1 / n;
  }
}

/** How far weights are from an equilibrium: residuals of each row, and a search for better deviations. */
import { type Backend, defaultBackend } from '../backend/index.js';
import { sigmoid, sigmoidDerivative } from '../core/arithmetic/index.js';
import { HESSIAN_STORAGES } from '../core/peers.js';
import { RandomStream } from '../core/random.js';
import { checkInteger, checkPositive, checkWeights, type NumericArray } from '../core/validate.js';
import { residuals } from '../projection.js';
import { hessianStride } from '../reference/payoff.js';
import { projectSimplex as projectRows } from '../reference/projection.js';
import { asGame, gameTerms } from './game.js';
import type { Certificate, CertificateRule, Game, GameOptions, GlobalCheck } from './types.js';

const DEFAULT_EPSILON = 0.1;
/** An improvement of payoff below this, as a share of the payoff's own size, is rounding. */
const IMPROVEMENT_SHARE = 1e-7;
const SEARCH_STEPS = 200;

/** The payoff's gradient of a game at any weights, on kernels. */
export function payoffGradientOf(game: Game, weights: Float64Array, backend: Backend = defaultBackend()): Float64Array {
  const { n, stake, referenceMask, hessians } = game;
  const { temperature, lossFactor, rankFactor, shiftGradient, openDiagonal } = gameTerms(game);
  const { kernels } = backend;
  const square = () => new Float64Array(n * n);
  const [mask, derivative, lossGradient, gradient] = [square(), square(), square(), square()];
  kernels.competitionMask(
    mask,
    derivative,
    new Float64Array(n),
    new Float64Array(1),
    weights,
    stake,
    temperature,
    shiftGradient,
    openDiagonal,
    n,
  );
  const { data, storage, rank, own } = hessians;
  kernels.weightGradient(lossGradient, new Float64Array(n), mask, derivative, referenceMask, data, storage, rank, own, n);
  kernels.payoffGradient(gradient, lossGradient, stake, lossFactor, rankFactor, n);
  return gradient;
}

/**
 * Certifies weights against a game: first-order residuals of each row and, when asked, a multi-start search for better deviations.
 *
 * The residuals certify a local equilibrium: the payoff is not concave in general. The search is evidence, not proof.
 * @shape weights [n, n]
 * @param options - `game`, `weights`, and the rule: `epsilon`, `starts`, `seed`; `backend`.
 * @returns Gap, natural residual and local regret of each row, the worst of each, and what the search found.
 * @throws InputError as createGame, and BTM_ROWSUM for weights off the simplex
 * @cost one gradient; the search takes n (n + starts + 2) ascents of up to 200 gradient steps of one row
 * @paper section 3, (26), (30), R-15, R-22
 * @example
 * ```ts
 * import { certify, createGame, solveEquilibrium } from 'intermodel';
 * const game = createGame({
 *   n: 2, temperature: 5, alpha: 25, tau: 1, hessian: { kind: 'diagonal', data: [2, 3] }, initialWeights: [0.5, 0.5, 0.5, 0.5],
 * });
 * const { weights } = await solveEquilibrium({ game, method: { kind: 'spectral' } });
 * console.log(certify({ game, weights, starts: 4 }).global?.holds); // true
 * ```
 */
export function certify(options: { game: Game | GameOptions; weights: NumericArray; backend?: Backend } & CertificateRule): Certificate {
  const backend = options.backend ?? defaultBackend();
  const game = asGame(options.game, backend);
  const weights = checkWeights('weights', options.weights, game.n);
  const epsilon = checkPositive('epsilon', options.epsilon ?? DEFAULT_EPSILON);
  const gradient = payoffGradientOf(game, weights, backend);
  const { gap, natural, regret } = residuals({ weights, gradient, epsilon, n: game.n, backend });
  const most = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), 0);
  const worst = { gap: most(gap), natural: most(natural), regret: most(regret) };
  const local = { gap, natural, regret, epsilon, worst };
  if (options.starts === undefined) return local;
  const starts = checkInteger('starts', options.starts, 0, 1e6);
  return { ...local, global: searchDeviations(game, weights, starts, options.seed ?? 0) };
}

/** For every row, the best payoff over deviations of that row alone, from vertices, the centre, the row itself and random points. */
function searchDeviations(game: Game, weights: Float64Array, starts: number, seed: number): GlobalCheck {
  const { n } = game;
  const improvement = new Float64Array(n);
  let scale = 0;
  for (let i = 0; i < n; i++) {
    const row = new RowProblem(game, weights, i);
    const held = weights.slice(i * n, (i + 1) * n);
    const payoff = row.payoff(held);
    scale = Math.max(scale, Math.abs(payoff));
    const stream = new RandomStream(seed, i);
    for (let start = 0; start < n + 2 + starts; start++) {
      const reached = row.payoff(row.ascend(startingPoint(start, held, stream)));
      improvement[i] = Math.max(improvement[i], reached - payoff);
    }
  }
  const tolerance = IMPROVEMENT_SHARE * scale;
  const improvedRows = Array.from(improvement.keys()).filter((i) => improvement[i] > tolerance);
  return { starts: n + 2 + starts, improvement, improvedRows, tolerance, holds: improvedRows.length === 0 };
}

function startingPoint(start: number, held: Float64Array, stream: RandomStream): Float64Array {
  const n = held.length;
  if (start < n) return held.map((_, j) => (j === start ? 1 : 0));
  if (start === n) return held.slice();
  if (start === n + 1) return held.map(() => 1 / n);
  const raw = held.map(() => stream.uniform() ** 4 + 1e-12);
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((entry) => entry / sum);
}

/** One participant's payoff as a function of its own row, the others held fixed: (10) or (13), as the game is scaled. */
class RowProblem {
  readonly #game: Game;
  readonly #others: Float64Array;
  readonly #row: number;

  constructor(game: Game, weights: Float64Array, row: number) {
    const { n, stake } = game;
    this.#game = game;
    this.#row = row;
    this.#others = new Float64Array(n);
    for (let k = 0; k < n; k++) if (k !== row) for (let j = 0; j < n; j++) this.#others[j] += stake[k] * weights[k * n + j];
  }

  payoff(w: Float64Array): number {
    const { game, delta, pulled } = this.#state(w);
    let loss = 0;
    for (let j = 0; j < game.n; j++) loss += delta[j] * pulled[j];
    const i = this.#row;
    return game.lossFactor * loss + game.rankFactor * ((this.#others[i] + game.stake[i] * w[i]) / game.n);
  }

  gradient(w: Float64Array): Float64Array {
    const { game, pulled, slope } = this.#state(w);
    const i = this.#row;
    return pulled.map((p, j) => game.lossFactor * 2 * p * slope[j] + (i === j ? (game.rankFactor * game.stake[i]) / game.n : 0));
  }

  /** Projected ascent with a step that grows while it pays and shrinks until it does (Armijo). */
  ascend(start: Float64Array): Float64Array {
    let w = start;
    let value = this.payoff(w);
    let rate = 1;
    for (let step = 0; step < SEARCH_STEPS; step++) {
      const g = this.gradient(w);
      let moved = false;
      for (let halving = 0; halving < 60 && !moved; halving++) {
        const next = w.map((entry, j) => entry + rate * g[j]);
        projectRows(next, next, 0, 1, w.length);
        const gain = g.reduce((sum, entry, j) => sum + entry * (next[j] - w[j]), 0);
        if (gain <= 0) return w;
        const reached = this.payoff(next);
        moved = reached >= value + 1e-4 * gain;
        if (moved) [w, value, rate] = [next, reached, rate * 2];
        else rate /= 4;
      }
      if (!moved) return w;
    }
    return w;
  }

  #state(w: Float64Array) {
    const game = this.#game;
    const { n, stake, temperature, openDiagonal } = game;
    const i = this.#row;
    const ownShare = game.shiftGradient === 'exact' ? (n - 1) / n : 1;
    const delta = new Float64Array(n);
    const slope = new Float64Array(n);
    for (let j = 0; j < n; j++) {
      const x = (stake[i] * w[j] - (this.#others[j] + stake[i] * w[j]) / n) / temperature;
      const open = openDiagonal && i === j;
      delta[j] = (open ? 1 : sigmoid(x)) - game.referenceMask[i * n + j];
      slope[j] = open ? 0 : (sigmoidDerivative(x) * stake[i] * ownShare) / temperature;
    }
    return { game, delta, slope, pulled: applyHessian(game, i, delta) };
  }
}

/** H_i v in plain sums: a second route beside the kernels, for a search whose bits do not matter. */
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

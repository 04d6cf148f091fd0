/** Many games of one size at once, with flat results. */
import { type Backend, backendOf } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkCallback, checkOptions, checkPositive, checkSignal } from '../core/validate.js';
import { diagonalSums } from '../reference/safe-scale.js';
import { SearchValues, stateLength } from '../reference/search-values.js';
import { openBatch, runBatch } from './batch.js';
import { payoffPointOf } from './certificate.js';
import { asGames } from './game.js';
import { runSettings, statusKindOf } from './settings.js';
import type { EquilibriumBatch, Game, SolveManyOptions, StatusKind } from './types.js';

/** Radius of the ball of the local regret where none is given. */
export const DEFAULT_EPSILON = 0.1;

/**
 * Solves many games of one size n on every core; the workhorse of sweeps.
 *
 * The same games give the same bits alone or together, in any order, on any number of threads.
 * @shape result.weights [count, n, n], result.ranking [count, n], the rest [count]
 * @param options - `games`, `method`, `stop`, `failure`, `signal`, `onProgress`, `epsilon`, `backend`.
 * @returns One entry per game in flat arrays. An abort gives every game the state it had reached, status 'aborted'.
 * @throws InputError BTM_SHAPE for games of different sizes, and what createGame throws
 * @numerics f64; same bits on every backend
 * @cost games that share a Hessian object load it once; small games run several to a vector
 * @paper section 3, R-15
 * @example
 * ```ts
 * import { solveMany } from 'intermodel';
 * const hessian = { kind: 'diagonal', data: [2, 3] } as const;
 * const games = [1, 10].map((alpha) => ({ n: 2, hessian, alpha, tau: 1, temperature: 5, initialWeights: [0.5, 0.5, 0.5, 0.5] }));
 * const { status } = await solveMany({ games, method: { kind: 'spectral' } });
 * console.log(status); // [ 'converged', 'converged' ]
 * ```
 */
export async function solveMany(options: SolveManyOptions): Promise<EquilibriumBatch> {
  checkOptions(options);
  checkSignal('signal', options.signal);
  checkCallback('onProgress', options.onProgress);
  const backend = backendOf(options.backend);
  const games = asGames(options.games, backend);
  const n = games[0]?.n ?? 0;
  const other = games.findIndex((game) => game.n !== n);
  if (other >= 0) {
    throw new InputError('BTM_SHAPE', `must all have n = ${n}, got ${games[other].n}`, { argument: 'games', index: other });
  }
  const epsilon = checkPositive('epsilon', options.epsilon ?? DEFAULT_EPSILON);
  const settings = runSettings(options.method, options.stop, options.failure, n);
  const result = emptyBatch(games.length, n);
  let trialsDone = 0;
  let stepsBefore = 0;
  for (const members of byStorage(games)) {
    const batch = openBatch(
      members.map((k) => games[k]),
      options.method,
      settings,
      backend,
    );
    const report = (done: number) =>
      options.onProgress?.({
        stepsDone: stepsBefore + done,
        stepsTotal: settings.maxSteps * games.length,
        trialsDone,
        trials: games.length,
      });
    await runBatch(batch, 0, settings.maxSteps + 1, options.signal, report);
    const { states } = batch;
    batch.handle.read(states);
    members.forEach((k, m) => {
      const state = states.subarray(m * stateLength(n), (m + 1) * stateLength(n));
      fillEntry(result, k, games[k], state, epsilon, backend);
    });
    trialsDone += members.length;
    stepsBefore += settings.maxSteps * members.length;
  }
  options.onProgress?.({
    stepsDone: result.steps.reduce((a, b) => a + b, 0),
    stepsTotal: settings.maxSteps * games.length,
    trialsDone: games.length,
    trials: games.length,
  });
  return result;
}

type Filling = Omit<EquilibriumBatch, 'status'> & { readonly status: StatusKind[] };

function emptyBatch(count: number, n: number): Filling {
  const numbers = () => new Float64Array(count);
  return {
    count,
    n,
    status: new Array<StatusKind>(count),
    period: new Int32Array(count),
    steps: numbers(),
    residual: numbers(),
    gap: numbers(),
    regret: numbers(),
    weights: new Float64Array(count * n * n),
    ranking: new Float64Array(count * n),
    diagonalShare: numbers(),
    diagonalRatio: numbers(),
    deadShare: numbers(),
  };
}

/** Indices of the games, those whose Hessians can lie side by side together. */
function byStorage(games: readonly Game[]): number[][] {
  const groups = new Map<string, number[]>();
  games.forEach((game, k) => {
    const { storage, rank, own, data } = game.hessians;
    const key = `${storage} ${rank} ${own} ${data.length}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [k]);
    else group.push(k);
  });
  return [...groups.values()];
}

function fillEntry(out: Filling, k: number, game: Game, state: Float64Array, epsilon: number, backend: Backend): void {
  const { n } = game;
  const { kernels } = backend;
  const weights = out.weights.subarray(k * n * n, (k + 1) * n * n);
  weights.set(state.subarray(0, n * n));
  const search = new SearchValues(state, n);
  const { gradient, deadShare } = payoffPointOf(game, weights, backend);
  const [gap, natural, regret] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  kernels.residuals(gap, natural, regret, weights, gradient, epsilon, n, n);
  out.deadShare[k] = deadShare;
  out.status[k] = statusKindOf(search, deadShare);
  out.steps[k] = search.step;
  out.period[k] = search.outcome === 'cycling' ? search.period : 0;
  out.residual[k] = largest(natural);
  out.gap[k] = largest(gap);
  out.regret[k] = largest(regret);
  kernels.networkRanking(out.ranking.subarray(k * n, (k + 1) * n), weights, game.stake, n);
  const { share, ratio } = diagonalOf(weights, n);
  out.diagonalShare[k] = share;
  out.diagonalRatio[k] = ratio;
}

/** Self-weight over all weight, and over the weight given to others (infinity where there is none). */
export function diagonalOf(weights: Float64Array, n: number): { share: number; ratio: number } {
  const { own, others } = diagonalSums(weights, n);
  return { share: n === 0 ? 0 : own / (own + others), ratio: others > 0 ? own / others : Number.POSITIVE_INFINITY };
}

/** The largest entry of a vector of non-negative numbers. */
export function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

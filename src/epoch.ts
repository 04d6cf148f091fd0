/** An epoch of the mechanism in floating point: every row moves, the network is ranked, and the ranking is paid out. */
import { backendOf } from './backend/index.js';
import { checkPeers, checkStake } from './core/peers.js';
import { checkPositive } from './core/validate.js';
import { moveRows, type ProjectBoundedStepOptions } from './projection.js';
import { type InflateOptions, inflate } from './ranking.js';

/** Options of {@link stepEpoch}. */
export interface StepEpochOptions extends Omit<ProjectBoundedStepOptions, 'rows'>, Pick<InflateOptions, 'tau' | 'norm'> {
  /** [n, n], rows on the simplex: the weights before the epoch. */
  readonly weights: ProjectBoundedStepOptions['rows'];
  /** [n], token units, >= 0. Default: one each. */
  readonly stake?: InflateOptions['stake'];
}

/** What an epoch leaves. */
export interface EpochResult {
  /** [n, n]: the weights after the step; `out` where that was given. */
  readonly weights: Float64Array;
  /** [n]: the network's ranking by those weights. */
  readonly ranking: Float64Array;
  /** [n]: the stake after the block. */
  readonly stake: Float64Array;
  /** Token units added in all. */
  readonly minted: number;
}

/**
 * One epoch: {@link projectBoundedStep} of every row, {@link networkRanking} of the rows it leaves, {@link inflate} by that ranking.
 *
 * The same bits as those three calls; the weights are read once and ranked while they are still in cache.
 * @shape weights, steps [n, n], stake [n]; results weights [n, n], ranking [n], stake [n]
 * @param options - `weights` with rows on the simplex, the `steps` wanted, `epsilon`, `stake`, `tau`, `norm`, `n`, `out`.
 * @returns { weights, ranking, stake, minted }
 * @throws InputError as those three functions; what `out` holds after an error means nothing
 * @numerics f64; same bits on every backend
 * @cost one pass over the weights and the steps in memory
 * @paper (5), (6), section 1.3 (bounded changes), R-07, R-08, R-09
 * @example
 * ```ts
 * import { stepEpoch } from 'intermodel';
 * const steps = [1, -1, 0, 0];
 * const { ranking } = stepEpoch({ weights: [0.5, 0.5, 0.5, 0.5], steps, epsilon: Math.SQRT1_2 / 2, stake: [4, 4], tau: 1, n: 2 });
 * console.log(ranking); // Float64Array(2) [ 2.5, 1.5 ]
 * ```
 */
export function stepEpoch(options: StepEpochOptions): EpochResult {
  const n = checkPeers(options?.n);
  const { kernels } = backendOf(options.backend);
  const stake = checkStake(options.stake, n);
  const epsilon = checkPositive('epsilon', options.epsilon);
  const ranking = new Float64Array(n);
  const given = { argument: 'weights', rows: options.weights, steps: options.steps, out: options.out, count: n, n };
  const weights = moveRows(given, (out, rows, steps, tolerance) =>
    kernels.stepAndRank(out, ranking, rows, steps, stake, epsilon, tolerance, n),
  );
  return { weights, ranking, ...inflate({ ...options, stake, ranking }) };
}

/**
 * Figure 5: one drawn trial whose inflation adapts at every step, with the controller of `adaptTau`. The steps are taken here and not by
 * the native loop, to which each would be a job of its own: that took two to three times as long.
 */
import type { Backend } from '../backend/index.js';
import { AbortedError } from '../core/errors.js';
import { checkInteger, checkNonNegative, checkOptions, checkPositive } from '../core/validate.js';
import { checkController, checkStart, steer, type TauController } from '../equilibrium/controller.js';
import type { GameOptions } from '../equilibrium/types.js';
import { payoffGradient } from '../payoff.js';
import { projectSimplex } from '../projection.js';
import { correlations, diagonalRatio, diagonalShare, networkRanking } from '../ranking.js';
import { drawHessian, drawInitial, drawStake, type HessianLaw, type InitialLaw, idealRankingOf } from './laws.js';

/** The controller of `adaptTau`. */
export type Controller = TauController;

/** One moment of a run. */
export interface AdaptivePoint {
  readonly step: number;
  readonly tau: number;
  /** null when no participant gives weight to another. */
  readonly diagonalRatio: number | null;
  readonly diagonalShare: number;
  /** Of the competitive ranking with the ideal one; null where it is undefined. */
  readonly pearson: number | null;
}

/** Options of {@link adaptInflation}. */
export interface AdaptiveOptions {
  readonly seed: number;
  readonly trial: number;
  readonly n: number;
  readonly hessian: HessianLaw;
  readonly initial: InitialLaw;
  readonly temperature: number;
  readonly alpha: number;
  /** Inflation at the start. */
  readonly tau: number;
  readonly controller: Controller;
  /** Step length lambda of the ascent. */
  readonly rate: number;
  readonly steps: number;
  /** Steps between points; the first point is the start, the last the end. */
  readonly recordEvery: number;
  readonly signal?: AbortSignal;
  readonly backend?: Backend;
}

/**
 * Runs the competitive ascent on P = -alpha L + tau R, equation (10), while tau adapts after every step.
 *
 * @param options - One trial, its start, the controller, and how long.
 * @returns Points of the run, the first before any step.
 * @throws InputError for values outside their ranges; AbortedError when the signal fires.
 * @numerics f64; same bits on every backend
 * @cost A payoff gradient and n projections a step.
 * @paper section 3, Figure 5, R-17, R-20, R-21
 */
export async function adaptInflation(options: AdaptiveOptions): Promise<AdaptivePoint[]> {
  checkOptions(options);
  const { n, signal, backend } = options;
  const { controller, steps, every } = checkAdaptive(options);
  const name = { seed: options.seed, trial: options.trial, n };
  const hessian = drawHessian(options.hessian, name);
  const stake = drawStake('equal', name);
  const ideal = idealRankingOf(hessian, n);
  const run = {
    hessian,
    stake,
    n,
    temperature: options.temperature,
    alpha: options.alpha,
    scaling: 'absolute',
    ...(backend && { backend }),
  } as const;
  const points: AdaptivePoint[] = [];
  let weights = drawInitial(options.initial, name);
  let { tau } = options;
  let integral = tau;
  for (let step = 0; ; step++) {
    if (step % every === 0 || step === steps) {
      points.push(pointOf(step, tau, weights, ideal, run));
      await new Promise(setImmediate); // lets Ctrl-C be heard
      if (signal?.aborted === true) throw new AbortedError('the adaptive run');
    }
    if (step === steps) return points;
    weights = ascend(weights, tau, options.rate, run);
    ({ integral, tau } = steer(
      controller,
      integral,
      controller.measure === 'diagonalRatio' ? diagonalRatio({ weights, n }) : diagonalShare({ weights, n }),
    ));
  }
}

type Run = Pick<GameOptions, 'hessian' | 'n' | 'temperature' | 'alpha'> & {
  readonly stake: Float64Array;
  readonly scaling: 'absolute';
  readonly backend?: Backend;
};

function ascend(weights: Float64Array, tau: number, rate: number, run: Run): Float64Array {
  const { gradient } = payoffGradient({ ...run, weights, tau });
  const moved = weights.map((weight, index) => weight + rate * gradient[index]!);
  return projectSimplex({ rows: moved, n: run.n, ...(run.backend && { backend: run.backend }) });
}

function pointOf(step: number, tau: number, weights: Float64Array, ideal: Float64Array, run: Run): AdaptivePoint {
  const { n, stake } = run;
  const ranking = networkRanking({ weights, stake, n, ...(run.backend && { backend: run.backend }) });
  return {
    step,
    tau,
    diagonalRatio: diagonalRatio({ weights, n }),
    diagonalShare: diagonalShare({ weights, n }) ?? 0,
    pearson: correlations(ideal, ranking).pearson.value,
  };
}

function checkAdaptive(options: AdaptiveOptions): { controller: Required<Controller>; steps: number; every: number } {
  const controller = checkController(options.controller);
  checkStart(controller, 'tau', checkNonNegative('tau', options.tau));
  checkPositive('rate', options.rate);
  return { controller, steps: checkInteger('steps', options.steps, 1), every: checkInteger('recordEvery', options.recordEvery, 1) };
}

/** Inflation that adapts (Figure 5): integral control of tau towards a wanted sparsity of the weights, beside the competitive ascent. */
import type { Backend } from '../backend/index.js';
import { AbortedError } from '../core/errors.js';
import { checkInteger, checkNonNegative, checkOneOf, checkPositive } from '../core/validate.js';
import type { GameOptions } from '../equilibrium/types.js';
import { payoffGradient } from '../payoff.js';
import { projectSimplex } from '../projection.js';
import { correlations, diagonalRatio, diagonalShare, networkRanking } from '../ranking.js';
import { drawHessian, drawInitial, drawStake, type HessianLaw, type InitialLaw, idealRankingOf } from './laws.js';

/**
 * tau = integral + proportional * error, within [0, most]. The integral moves by gain * error a step and stays within [0, most] itself, so it never winds
 * up beyond what acts. With proportional = 0 it is the plain integral control of R-21, which swings: the weights integrate as well.
 */
export interface Controller {
  /** Which sparsity is steered: trace / (total - trace) or trace / total. */
  readonly measure: 'diagonalRatio' | 'diagonalShare';
  readonly target: number;
  /** Change of the integral a step at an error of one. */
  readonly gain: number;
  /** What an error of one adds to tau at once; damps the swing. Default 0. */
  readonly proportional?: number;
  /** Largest tau. */
  readonly most: number;
}

/** One moment of a run. */
export interface AdaptivePoint {
  readonly step: number;
  readonly tau: number;
  /** null when nobody gives anything to anybody else. */
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
 * Error of the sparsity in [-1, 1]: (target - value) / (target + value), so that twice and half the target weigh the same.
 * At W = I the ratio is infinite and the error is -1.
 */
export function sparsityError(value: number | null, target: number): number {
  return value === null ? -1 : (target - value) / (target + value);
}

/** State of the controller, and the tau it asks for. */
export interface Steering {
  readonly integral: number;
  readonly tau: number;
}

/** One step of the controller. */
export function steer(controller: Controller, integral: number, value: number | null): Steering {
  const error = sparsityError(value, controller.target);
  const within = (amount: number): number => Math.min(controller.most, Math.max(0, amount));
  const next = within(integral + controller.gain * error);
  return { integral: next, tau: within(next + (controller.proportional ?? 0) * error) };
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
  const { controller, n, signal, backend } = options;
  const { steps, every } = checkAdaptive(options);
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

function checkAdaptive(options: AdaptiveOptions): { steps: number; every: number } {
  const { controller } = options;
  checkOneOf('controller.measure', controller.measure, ['diagonalRatio', 'diagonalShare']);
  checkPositive('controller.target', controller.target);
  checkPositive('controller.gain', controller.gain);
  checkPositive('controller.most', controller.most);
  checkNonNegative('controller.proportional', controller.proportional ?? 0);
  checkNonNegative('tau', options.tau);
  checkPositive('rate', options.rate);
  return { steps: checkInteger('steps', options.steps, 1), every: checkInteger('recordEvery', options.recordEvery, 1) };
}

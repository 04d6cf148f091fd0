/** Methods, stopping rules and failure policies, checked and turned into what kernels take. */

import { log } from '../core/arithmetic/index.js';
import { checkInteger, checkNonNegative, checkOneOf, checkPositive } from '../core/validate.js';
import { LEAST_LOGIT, METHODS, OUTCOMES, type RunSettings, stateLength, stateViews } from '../reference/equilibrium.js';
import type { FailurePolicy, Game, Method, Status, StatusKind, StopRule } from './types.js';

const DEFAULT_RESIDUAL = 1e-6;
const DEFAULT_CHECK = 10;
const STEPS_PER_PARTICIPANT = 1000;
const MOST_STEPS = 2 ** 40;

/** Checks a method with its rules for games of size n. */
export function runSettings(method: Method, stop: StopRule | undefined, failure: FailurePolicy | undefined, n: number): RunSettings {
  const kind = checkOneOf('method.kind', method?.kind, METHODS);
  const spectral = method.kind === 'spectral' ? method : undefined;
  const leastRate = checkPositive('method.leastRate', spectral?.leastRate ?? 1e-3);
  return {
    method: METHODS.indexOf(kind),
    rate: firstRate(method),
    leastRate,
    largestRate: Math.max(leastRate, checkPositive('method.largestRate', spectral?.largestRate ?? 1e6)),
    tolerance: checkNonNegative('stop.residual', stop?.residual ?? DEFAULT_RESIDUAL),
    maxSteps: checkInteger('stop.maxSteps', stop?.maxSteps ?? STEPS_PER_PARTICIPANT * n, 0, MOST_STEPS),
    checkEvery: checkInteger('stop.checkEvery', stop?.checkEvery ?? (kind === 'spectral' ? 1 : DEFAULT_CHECK), 1, MOST_STEPS),
    stopOnCycle: checkOneOf('failure.onCycle', failure?.onCycle ?? 'stop', ['stop', 'continue']) === 'stop' ? 1 : 0,
    epsilon: method.kind === 'projectedGradient' && method.epsilon !== undefined ? checkPositive('method.epsilon', method.epsilon) : 0,
  };
}

function firstRate(method: Method): number {
  if (method.kind === 'projectedGradient') return checkPositive('method.rate', method.rate);
  if (method.kind === 'softmax') return checkPositive('method.rate', method.rate ?? 1);
  return checkPositive('method.firstRate', method.firstRate ?? 1);
}

/** The state of a game before the first step. */
export function initialState(game: Game, settings: RunSettings): Float64Array {
  const state = new Float64Array(stateLength(game.n));
  const { weights, companion } = stateViews(state, game.n);
  weights.set(game.initialWeights);
  if (METHODS[settings.method] === 'softmax') {
    for (let k = 0; k < weights.length; k++) companion[k] = weights[k] > 0 ? Math.max(log(weights[k]), LEAST_LOGIT) : LEAST_LOGIT;
  }
  return state;
}

/** What a state says of its run. */
export function outcomeOf(state: Float64Array, n: number): { kind: StatusKind; step: number; residual: number; period: number } {
  const { scalars } = stateViews(state, n);
  const outcome = OUTCOMES[scalars[1]];
  return { kind: outcome === 'running' ? 'aborted' : outcome, step: scalars[0], residual: scalars[2], period: scalars[6] };
}

/** A status with its advice. */
export function statusOf(kind: StatusKind, method: Method, step: number, residual: number, period: number): Status {
  const at = `the natural residual was ${residual.toPrecision(3)} after ${step} steps`;
  const faster =
    method.kind === 'spectral' ? 'raise stop.maxSteps or the temperature' : "try method { kind: 'spectral' }, or raise stop.maxSteps";
  const messages: Record<StatusKind, string> = {
    converged: `Converged: ${at}.`,
    stepLimit: `The step limit was reached: ${at}; ${faster}.`,
    cycling: `The run repeats itself every ${period} steps: ${at}; take a smaller rate, method { kind: 'spectral' }, or a higher temperature.`,
    aborted: `The run was cancelled: ${at}; pass its state as resume to go on.`,
    diverged: `A number overflowed: ${at}; scale the Hessian or alpha down.`,
  };
  return { kind, message: messages[kind], ...(kind === 'cycling' ? { period } : {}) };
}

/** Methods, stopping rules and failure policies, checked and turned into what kernels take. */

import { log } from '../core/arithmetic/index.js';
import { SEARCH_METHODS } from '../core/closed-lists.js';
import { checkInteger, checkNonNegative, checkOneOf, checkPositive } from '../core/validate.js';
import { LEAST_LOGIT, type RunSettings } from '../reference/equilibrium.js';
import { SearchValues, stateLength } from '../reference/search-values.js';
import type { FailurePolicy, Game, Method, Status, StatusKind, StopRule } from './types.js';

const ORDERS = ['simultaneous', 'sequential', 'random'] as const;
const DEFAULT_RESIDUAL = 1e-6;
const DEFAULT_CHECK = 10;
const STEPS_PER_PARTICIPANT = 1000;
const MOST_STEPS = 2 ** 40;
/** From this share of dead gradients on, a small residual says nothing: most masks do not move with the weights. */
const SATURATED = 0.5;
/** From this share on, the message says so. */
const WORTH_A_WARNING = 0.01;

/** A method with its defaults filled in, checked. */
export interface CheckedMethod {
  readonly kind: (typeof SEARCH_METHODS)[number];
  /** The first rate, for 'spectral'. */
  readonly rate: number;
  readonly leastRate: number;
  readonly largestRate: number;
  /** 0: no bound. */
  readonly epsilon: number;
  readonly order: (typeof ORDERS)[number];
  readonly seed: number;
}

/** Fills in the defaults of a method; throws for values outside their ranges. */
export function checkedMethod(method: Method): CheckedMethod {
  const kind = checkOneOf('method.kind', method?.kind, SEARCH_METHODS);
  const spectral = method.kind === 'spectral' ? method : undefined;
  const plain = method.kind === 'projectedGradient' ? method : undefined;
  const leastRate = checkPositive('method.leastRate', spectral?.leastRate ?? 1e-3);
  return {
    kind,
    rate: firstRate(method),
    leastRate,
    largestRate: Math.max(leastRate, checkPositive('method.largestRate', spectral?.largestRate ?? 1e6)),
    epsilon: plain?.epsilon === undefined ? 0 : checkPositive('method.epsilon', plain.epsilon),
    order: checkOneOf('method.order', plain?.order ?? 'simultaneous', ORDERS),
    seed: checkInteger('method.seed', plain?.seed ?? 0, 0),
  };
}

/** Checks a method with its rules for games of size n. */
export function runSettings(method: Method, stop: StopRule | undefined, failure: FailurePolicy | undefined, n: number): RunSettings {
  const { kind, rate, leastRate, largestRate, epsilon } = checkedMethod(method);
  return {
    method: SEARCH_METHODS.indexOf(kind),
    rate,
    leastRate,
    largestRate,
    tolerance: checkNonNegative('stop.residual', stop?.residual ?? DEFAULT_RESIDUAL),
    maxSteps: checkInteger('stop.maxSteps', stop?.maxSteps ?? STEPS_PER_PARTICIPANT * n, 0, MOST_STEPS),
    checkEvery: checkInteger('stop.checkEvery', stop?.checkEvery ?? (kind === 'spectral' ? 1 : DEFAULT_CHECK), 1, MOST_STEPS),
    stopOnCycle: checkOneOf('failure.onCycle', failure?.onCycle ?? 'stop', ['stop', 'continue']) === 'stop' ? 1 : 0,
    epsilon,
  };
}

function firstRate(method: Method): number {
  if (method.kind === 'projectedGradient') return checkPositive('method.rate', method.rate);
  if (method.kind === 'softmax') return checkPositive('method.rate', method.rate ?? 1);
  return checkPositive('method.firstRate', method.firstRate ?? 1);
}

/** The state of a game before the first step. */
export function initialState(game: Game, settings: RunSettings, state = new Float64Array(stateLength(game.n))): Float64Array {
  const { weights, companion } = new SearchValues(state, game.n);
  weights.set(game.initialWeights);
  if (SEARCH_METHODS[settings.method] === 'softmax') {
    for (let k = 0; k < weights.length; k++) companion[k] = weights[k] > 0 ? Math.max(log(weights[k]), LEAST_LOGIT) : LEAST_LOGIT;
  }
  return state;
}

/** How a run that is over ended: a search that still runs was cut short, and one that stands still may only be saturated. */
export function statusKindOf(search: SearchValues, deadShare: number): StatusKind {
  if (search.outcome === 'running') return 'aborted';
  return search.outcome === 'converged' && deadShare >= SATURATED ? 'saturated' : search.outcome;
}

/** A status with its advice. */
export function statusOf(
  kind: StatusKind,
  method: Method,
  found: { step: number; residual: number; period: number; deadShare: number },
): Status {
  const { step, period, deadShare } = found;
  const at = `the natural residual was ${found.residual.toPrecision(3)} after ${step} steps`;
  const dead = `${(100 * deadShare).toFixed(deadShare < 0.1 ? 1 : 0)} % of the mask entries are saturated`;
  const faster =
    method.kind === 'spectral' ? 'raise stop.maxSteps or the temperature' : "try method { kind: 'spectral' }, or raise stop.maxSteps";
  const messages: Record<StatusKind, string> = {
    converged: `Converged: ${at}.`,
    saturated: `The masks are saturated: ${at}, but ${dead}, so the gradient says little; raise the temperature, or lower the stake.`,
    stepLimit: `The step limit was reached: ${at}; ${faster}.`,
    cycling: `The run repeats itself every ${period} steps: ${at}; take a smaller rate, method { kind: 'spectral' }, or a higher temperature.`,
    aborted: `The run was cancelled: ${at}; pass its state as resume to continue.`,
    diverged: `A number overflowed: ${at}; scale the Hessian or alpha down.`,
  };
  const warns = kind !== 'saturated' && deadShare >= WORTH_A_WARNING;
  const message = warns ? `${messages[kind]} ${dead}: their gradients are lost to rounding.` : messages[kind];
  return { kind, message, ...(kind === 'cycling' ? { period } : {}) };
}

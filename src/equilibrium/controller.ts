/** The law by which inflation follows the sparsity of the weights. Pure: a measured value and an integral in, tau out. */
import { exp } from '../core/arithmetic/index.js';
import { InputError } from '../core/errors.js';
import { checkNonNegative, checkOneOf, checkPositive } from '../core/validate.js';

/**
 * How tau follows the measured sparsity: tau = integral + proportional e, within [0, largestTau].
 *
 * The integral stays within the same bounds, so it never winds up beyond what acts. With proportional = 0 it is the plain integral control of R-21,
 * which swings where tau changes every step: the weights integrate as well.
 */
export interface TauController {
  /** How the integral moves at an update. 'integral' (default): by gain e. 'multiplicative': by the factor exp(gain e), which needs a start above 0. */
  readonly law?: 'integral' | 'multiplicative';
  /** 'diagonalRatio' (default): the words, trace over the rest. 'diagonalShare': the formula, trace over all. */
  readonly measure?: 'diagonalRatio' | 'diagonalShare';
  /** Wanted value of the measure, > 0. Default 1. A diagonalShare of 1 is the identity, the worst ranking. */
  readonly target?: number;
  /** What e is. 'difference' (default): target - value. 'relative': (target - value) / (target + value), so that twice and half the target weigh the same. */
  readonly error?: 'difference' | 'relative';
  /** Change of the integral for an error of 1, > 0. */
  readonly gain: number;
  /** What an error of 1 adds to tau at once, >= 0: it damps the swing. Default 0. */
  readonly proportional?: number;
  /** Errors beyond this count as this much: at W = I the ratio is infinite. Default 1. */
  readonly largestError?: number;
  /** tau stays within [0, largestTau], and the integral with it. Default infinity. */
  readonly largestTau?: number;
}

/** State of a controller, and the tau it asks for. */
export interface Steering {
  readonly integral: number;
  readonly tau: number;
}

/** A controller with its defaults filled in; throws for values outside their ranges. */
export function checkController(controller: TauController): Required<TauController> {
  const { largestTau } = controller ?? {};
  return {
    law: checkOneOf('controller.law', controller?.law ?? 'integral', ['integral', 'multiplicative']),
    measure: checkOneOf('controller.measure', controller?.measure ?? 'diagonalRatio', ['diagonalRatio', 'diagonalShare']),
    target: checkPositive('controller.target', controller?.target ?? 1),
    error: checkOneOf('controller.error', controller?.error ?? 'difference', ['difference', 'relative']),
    gain: checkPositive('controller.gain', controller?.gain),
    proportional: checkNonNegative('controller.proportional', controller?.proportional ?? 0),
    largestError: checkPositive('controller.largestError', controller?.largestError ?? 1),
    largestTau: largestTau === undefined ? Number.POSITIVE_INFINITY : checkPositive('controller.largestTau', largestTau),
  };
}

/** Refuses a start that the law could never leave. */
export function checkStart({ law }: TauController, argument: string, tau: number): void {
  if (law !== 'multiplicative' || tau > 0) return;
  throw new InputError('BTM_DOMAIN', 'must start above 0 for a multiplicative law', { argument, value: tau });
}

/** How far a measured value is below its target. null, the ratio at W = I, is beyond every value. */
export function sparsityError(controller: Required<TauController>, value: number | null): number {
  const { target, error, largestError } = controller;
  const relative = error === 'relative';
  const raw = value === null ? (relative ? -1 : Number.NEGATIVE_INFINITY) : relative ? (target - value) / (target + value) : target - value;
  return Math.max(-largestError, Math.min(largestError, raw));
}

/** One update of tau. At the start the integral is tau itself. */
export function steer(controller: Required<TauController>, integral: number, value: number | null): Steering {
  const { law, gain, proportional, largestTau } = controller;
  const error = sparsityError(controller, value);
  const within = (amount: number): number => Math.min(largestTau, Math.max(0, amount));
  const next = within(law === 'integral' ? integral + gain * error : integral * exp(gain * error));
  return { integral: next, tau: within(next + proportional * error) };
}

/** Exact projections of rows of weights, and the residuals that say how far a row is from a best response. */

import { type Backend, backendOf } from './backend/index.js';
import { InputError } from './core/errors.js';
import { checkPeers } from './core/peers.js';
import { isFloat64Array } from './core/typed-arrays.js';
import {
  checkFinite,
  checkLength,
  checkNonNegative,
  checkPositive,
  checkVector,
  checkWeightRows,
  type NumericArray,
  ROW_SUM_TOLERANCE,
} from './core/validate.js';

/** Options of {@link projectSimplex}. */
export interface ProjectSimplexOptions {
  /** [count, n]; count follows from the length. */
  readonly rows: NumericArray;
  readonly n: number;
  /** Least weight of every entry, 0 (default) to 1/n. */
  readonly floor?: number;
  /** [count, n], where the result goes; may be `rows` itself. Default: a new array. */
  readonly out?: Float64Array;
  readonly backend?: Backend;
}

/**
 * The nearest point of the simplex to each row, exactly.
 *
 * @shape rows [count, n]; result [count, n]
 * @param options - `rows`, any finite numbers; `n`; `floor`.
 * @returns Rows with w >= floor and sum 1 (to rounding), nearest in Euclidean distance.
 * @throws InputError BTM_DOMAIN (floor), BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; the largest entry is subtracted first, so a constant added to a row changes nothing; same bits on every backend
 * @cost a few passes over the row, no sorting
 * @paper; section 1.3 asks for rows that sum to 1
 * @example
 * ```ts
 * import { projectSimplex } from 'intermodel';
 * console.log(projectSimplex({ rows: [2, 0, 1, 1], n: 2 })); // Float64Array(4) [ 1, 0, 0.5, 0.5 ]
 * ```
 */
export function projectSimplex(options: ProjectSimplexOptions): Float64Array {
  const n = checkPeers(options?.n);
  const count = countRows(options.rows, n);
  const rows = checkVector('rows', options.rows, count * n);
  const floor = checkNonNegative('floor', options.floor ?? 0);
  if (floor * n > 1) {
    throw new InputError('BTM_DOMAIN', `must be at most 1/n, got ${floor}`, { argument: 'floor', value: floor });
  }
  const out = outputOf(options.out, rows.length);
  kernelsOf(options).projectSimplex(out, rows, floor, count, n);
  return out;
}

/** Options of {@link projectBoundedStep}. */
export interface ProjectBoundedStepOptions {
  /** [count, n]: the rows now, on the simplex. */
  readonly rows: NumericArray;
  /** [count, n]: the change wanted, any finite numbers. */
  readonly steps: NumericArray;
  /** Largest Euclidean length of the change of a row, > 0. */
  readonly epsilon: number;
  /**
   * [count, n], where the result goes, neither `rows` nor `steps`; a new array costs as much as the step. After an error its contents
   * mean nothing. Default: a new array.
   */
  readonly out?: Float64Array;
  readonly n: number;
  readonly backend?: Backend;
}

/**
 * The rows after a wanted change, cut exactly to the simplex and to changes of bounded length.
 *
 * When the bound is active this is the best response to the linearised payoff among all allowed changes; clipping and projecting in
 * turn, in either order, is not.
 * @shape rows, steps [count, n]; result [count, n]
 * @param options - `rows` on the simplex, `steps`, `epsilon`, `n`.
 * @returns The projection of rows + steps onto {w >= 0, sum w = 1, |w - row| <= epsilon}.
 * @throws InputError BTM_DOMAIN (epsilon), BTM_ROWSUM, BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; a finite Newton iteration over the pieces of the path; same bits on every backend
 * @cost at most a handful of simplex projections a row
 * @paper section 1.3 (bounded changes), R-09; theorem 6.5.2
 * @example
 * ```ts
 * import { projectBoundedStep } from 'intermodel';
 * console.log(projectBoundedStep({ rows: [0.5, 0.5], steps: [1, -1], epsilon: Math.SQRT1_2 / 2, n: 2 })); // Float64Array [0.75, 0.25]
 * ```
 */
export function projectBoundedStep(options: ProjectBoundedStepOptions): Float64Array {
  const n = checkPeers(options?.n);
  const kernels = kernelsOf(options);
  const count = countRows(options.rows, n);
  const epsilon = checkPositive('epsilon', options.epsilon);
  const given = { argument: 'rows', rows: options.rows, steps: options.steps, out: options.out, count, n };
  return moveRows(given, (out, rows, steps, tolerance) => kernels.projectBoundedStep(out, rows, steps, epsilon, tolerance, count, n));
}

/** Rows and steps as a caller gave them, and where the result goes. */
interface GivenStep {
  readonly argument: string;
  readonly rows: NumericArray;
  readonly steps: NumericArray;
  readonly out: Float64Array | undefined;
  readonly count: number;
  readonly n: number;
}

type Move = (out: Float64Array, rows: Float64Array, steps: Float64Array, tolerance: number) => number;

/**
 * Runs a kernel that moves rows and returns where it wrote. It checks them as it reads them, so what is wrong is looked for only where
 * it found something; rows that pass here, though another order of summation put them beyond the tolerance, are moved all the same.
 */
export function moveRows({ argument, rows: given, steps: wanted, out: place, count, n }: GivenStep, move: Move): Float64Array {
  const isUnchecked = isFloat64Array(given);
  const rows = isUnchecked ? checkLength(argument, given, count * n) : checkWeightRows(argument, given, count, n);
  const steps = checkLength('steps', wanted, count * n);
  const out = outputOf(place, count * n);
  refuseOverlap(out, rows, steps);
  if (move(out, rows, steps, isUnchecked ? ROW_SUM_TOLERANCE : Number.POSITIVE_INFINITY) !== 0) {
    checkWeightRows(argument, rows, count, n);
    checkFinite('steps', steps);
    move(out, rows, steps, Number.POSITIVE_INFINITY);
  }
  return out;
}

/** Options of {@link residuals}. */
export interface ResidualsOptions {
  /** [count, n], rows on the simplex. */
  readonly weights: NumericArray;
  /** [count, n]: the payoff's gradient in each row. */
  readonly gradient: NumericArray;
  /** Radius of the ball in which the local regret is measured, > 0. */
  readonly epsilon: number;
  readonly n: number;
  readonly backend?: Backend;
}

/** How far each row is from a best response to the linearised payoff; all zero at an equilibrium. */
export interface Residuals {
  /** [count]: the Frank-Wolfe gap max_k g_k - g.w, in units of payoff; infinite only where it exceeds the largest double. */
  readonly gap: Float64Array;
  /** [count]: the natural residual |P(w + g) - w|. */
  readonly natural: Float64Array;
  /** [count]: the largest g.(w' - w) over the simplex at distance epsilon at most, in units of payoff. */
  readonly regret: Float64Array;
}

/**
 * The residuals of each row of weights against the payoff's gradient.
 *
 * The payoff is not concave in general, so all three being zero certifies a local equilibrium, no more.
 * @shape weights, gradient [count, n]; results [count]
 * @param options - `weights`, `gradient`, `epsilon`, `n`.
 * @returns { gap, natural, regret }
 * @throws InputError BTM_DOMAIN (epsilon), BTM_ROWSUM, BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; the gap is a sum of non-negative terms, so it does not cancel; same bits on every backend
 * @cost a handful of simplex projections a row
 * @paper section 3 (stop rule), (26), (30), R-15, R-22
 * @example
 * ```ts
 * import { residuals } from 'intermodel';
 * console.log(residuals({ weights: [0.5, 0.5, 0], gradient: [3, 1, 2], epsilon: 0.1, n: 3 }).gap); // Float64Array(1) [ 1 ]
 * ```
 */
export function residuals(options: ResidualsOptions): Residuals {
  const n = checkPeers(options?.n);
  const kernels = kernelsOf(options);
  const count = countRows(options.weights, n);
  const weights = checkWeightRows('weights', options.weights, count, n, kernels);
  const gradient = checkVector('gradient', options.gradient, weights.length);
  const epsilon = checkPositive('epsilon', options.epsilon);
  const gap = new Float64Array(count);
  const natural = new Float64Array(count);
  const regret = new Float64Array(count);
  kernels.residuals(gap, natural, regret, weights, gradient, epsilon, count, n);
  return { gap, natural, regret };
}

function countRows(value: NumericArray, n: number): number {
  return n === 0 ? 0 : Math.floor((value?.length ?? 0) / n);
}

/** The array to write to: the caller's, or a new one. */
function outputOf(out: Float64Array | undefined, length: number): Float64Array {
  if (out === undefined) return new Float64Array(length);
  if (!isFloat64Array(out) || out.length !== length) {
    throw new InputError('BTM_SHAPE', `must be a Float64Array of length ${length}`, { argument: 'out', value: out?.length });
  }
  return out;
}

/** Rows are read again after they were written. */
function refuseOverlap(out: Float64Array, ...inputs: Float64Array[]): void {
  for (const { buffer, byteOffset, byteLength } of inputs) {
    const isApart = buffer !== out.buffer || byteOffset >= out.byteOffset + out.byteLength || out.byteOffset >= byteOffset + byteLength;
    if (!isApart && byteLength > 0) throw new InputError('BTM_DOMAIN', 'must not overlap the inputs', { argument: 'out' });
  }
}

function kernelsOf(options: { readonly backend?: Backend }): Backend['kernels'] {
  return backendOf(options.backend).kernels;
}

/**
 * Small checks that return the value they checked. Each names the argument, the index and the remedy.
 * Public functions call these once; below them every layer trusts its input.
 */

import { InputError } from './errors.js';
import { isFloat32Array, isFloat64Array, typedArrayKind } from './typed-arrays.js';

/** A numeric vector as callers may pass it. */
export type NumericArray = Float64Array | Float32Array | readonly number[];

/** Class labels as callers may pass them: an array or typed array of integers of any kind. */
export type Labels = ArrayLike<number> | ArrayLike<bigint>;

/** An object of options. */
export function checkOptions(options: unknown): void {
  if (typeof options === 'object' && options !== null) return;
  throw new InputError('BTM_TYPE', `must be an object, got ${describe(options)}`, { argument: 'options', value: options });
}

/** A signal that can be asked and listened to, or none. */
export function checkSignal(argument: string, value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  const signal = value as Partial<AbortSignal> | null;
  if (
    typeof signal?.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  ) {
    return signal as AbortSignal;
  }
  throw new InputError('BTM_TYPE', `must be an AbortSignal, got ${describe(value)}`, {
    argument,
    value,
    remedy: 'Pass the signal of an AbortController.',
  });
}

/** A function, or none. */
export function checkCallback<T>(argument: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === 'function') return value;
  throw new InputError('BTM_TYPE', `must be a function, got ${describe(value)}`, { argument, value });
}

/** An integer in [low, high]. */
export function checkInteger(argument: string, value: unknown, low: number, high = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new InputError('BTM_TYPE', `must be an integer, got ${describe(value)}`, { argument, value });
  }
  if (value < low || value > high) {
    throw new InputError('BTM_DOMAIN', `must be between ${low} and ${high}, got ${value}`, { argument, value });
  }
  return value;
}

/** A finite number. */
export function checkNumber(argument: string, value: unknown): number {
  if (typeof value !== 'number') throw new InputError('BTM_TYPE', `must be a number, got ${describe(value)}`, { argument, value });
  if (!Number.isFinite(value)) throw new InputError('BTM_NONFINITE', `must be finite, got ${value}`, { argument, value });
  return value;
}

/** A finite number above zero. */
export function checkPositive(argument: string, value: unknown): number {
  const number = checkNumber(argument, value);
  if (!(number > 0)) {
    throw new InputError('BTM_DOMAIN', `must be above 0, got ${number}`, { argument, value });
  }
  return number;
}

/** A finite number of at least zero. */
export function checkNonNegative(argument: string, value: unknown): number {
  const number = checkNumber(argument, value);
  if (number < 0) throw new InputError('BTM_NEGATIVE', `must not be negative, got ${number}`, { argument, value });
  return number;
}

/** One of a closed list of strings. */
export function checkOneOf<T extends string>(argument: string, value: unknown, allowed: readonly T[]): T {
  if (typeof value === 'string' && (allowed as readonly string[]).includes(value)) return value as T;
  throw new InputError('BTM_DOMAIN', `must be one of ${allowed.map((a) => `'${a}'`).join(', ')}, got ${describe(value)}`, {
    argument,
    value,
  });
}

/**
 * A vector of the given length with finite entries, as a Float64Array.
 * A Float64Array is returned as it is (never written to); anything else is converted into a new array.
 */
export function checkVector(argument: string, value: unknown, length: number): Float64Array {
  const array = checkLength(argument, value, length);
  checkFinite(argument, array);
  return array;
}

/** {@link checkVector} but for finiteness, which the caller must settle. */
export function checkLength(argument: string, value: unknown, length: number): Float64Array {
  if (value instanceof Float64Array && isFloat64Array(value)) {
    // A detached array has length 0 too, and throws wherever it is walked.
    if (value.length === length) return length === 0 ? new Float64Array(0) : value;
    throw wrongLength(argument, value.length, length);
  }
  const kind = Array.isArray(value) ? 'Array' : typedArrayKind(value);
  if (kind !== 'Array' && kind !== 'Float32Array' && kind !== 'Float64Array') {
    throw new InputError('BTM_TYPE', `must be a Float64Array, Float32Array or array of numbers, got ${describe(value)}`, {
      argument,
      value,
    });
  }
  const array = value as Float64Array | Float32Array | readonly unknown[];
  if (array.length !== length) throw wrongLength(argument, array.length, length);
  if (kind === 'Array') return convert(argument, array as readonly unknown[], length);
  const typed = array as Float64Array | Float32Array;
  // One of another realm becomes a view of the same numbers in this one.
  return kind === 'Float64Array' ? new Float64Array(typed.buffer, typed.byteOffset, length) : new Float64Array(typed);
}

function wrongLength(argument: string, found: number, length: number): InputError {
  return new InputError('BTM_SHAPE', `must have length ${length}, got ${found}`, {
    argument,
    value: found,
    remedy: 'Check the sizes passed beside it; arrays are row-major and flat.',
  });
}

/** A vector of the given length as it is stored, single precision included, for kernels that read both; not checked for finiteness. */
export function checkStored(argument: string, value: unknown, length: number): Float64Array | Float32Array {
  if (isFloat32Array(value) && length > 0 && value.length === length) return value;
  return checkLength(argument, value, length);
}

/** Refuses a vector with an entry that is not finite, naming the first. */
export function checkFinite(argument: string, array: Float64Array | Float32Array): void {
  if (allFinite(array)) return;
  for (let index = 0; index < array.length; index++) {
    const value: unknown = array[index];
    if (!Number.isFinite(value)) throw new InputError('BTM_NONFINITE', `must be finite, got ${String(value)}`, { argument, index, value });
  }
}

/** x * 0 is 0 for a finite x and NaN otherwise; four sums in turn, because one would wait for each addition. */
function allFinite(array: Float64Array | Float32Array): boolean {
  const whole = array.length - (array.length % 4);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let index = 0; index < whole; index += 4) {
    a += array[index] * 0;
    b += array[index + 1] * 0;
    c += array[index + 2] * 0;
    d += array[index + 3] * 0;
  }
  for (let index = whole; index < array.length; index++) a += array[index] * 0;
  return a + b + c + d === 0;
}

/** A vector of finite, non-negative entries. */
export function checkNonNegativeVector(argument: string, value: unknown, length: number): Float64Array {
  const array = checkVector(argument, value, length);
  for (let index = 0; index < length; index++) {
    const entry = array[index];
    if (entry < 0) throw new InputError('BTM_NEGATIVE', `must not be negative, got ${entry}`, { argument, index, value: entry });
  }
  return array;
}

/**
 * Class labels in [0, outputs), as a new Int32Array; any array of integers will do, BigInt64Array and BigUint64Array included. Those
 * equal to `ignored` become -1.
 */
export function checkLabels(argument: string, value: unknown, length: number, outputs: number, ignored: number | null = null): Int32Array {
  if (typedArrayKind(value) === undefined && !Array.isArray(value)) {
    throw new InputError('BTM_TYPE', `must be a typed array or array of integers, got ${describe(value)}`, { argument, value });
  }
  const source = value as ArrayLike<number | bigint>;
  if (source.length !== length) {
    throw new InputError('BTM_SHAPE', `must have length ${length}, got ${source.length}`, { argument, value: source.length });
  }
  const labels = new Int32Array(length);
  for (let index = 0; index < length; index++) {
    const label = source[index];
    if (ignored !== null && (typeof label === 'bigint' ? label === BigInt(ignored) : label === ignored)) {
      labels[index] = -1;
      continue;
    }
    const whole = typeof label === 'bigint' || Number.isInteger(label);
    if (!whole || label < 0 || label >= outputs) {
      throw new InputError('BTM_LABEL', `must be an integer in [0, ${outputs}), got ${describe(label)}`, { argument, index, value: label });
    }
    labels[index] = Number(label);
  }
  return labels;
}

/** How far a row of weights may be from summing to one: rounding of n additions, not a modelling choice. */
export const ROW_SUM_TOLERANCE = 1e-9;

/** What may look at many rows at once: a kernel of a backend. */
export interface RowChecks {
  areWeights(rows: Float64Array, tolerance: number, count: number, n: number): boolean;
}

/** An [n, n] weight matrix whose rows lie on the simplex (R-10). */
export function checkWeights(argument: string, value: unknown, n: number, kernels?: RowChecks): Float64Array {
  return checkWeightRows(argument, value, n, n, kernels);
}

/** The same for rows that were rounded to 24 bits: a Float32Array. */
const ROW_SUM_TOLERANCE_F32 = 1e-6;

/** Rows of weights [rows, n], each on the simplex. Rows of a Float32Array are divided by their sums, which rounding moved. */
export function checkWeightRows(argument: string, value: unknown, rows: number, n: number, kernels?: RowChecks): Float64Array {
  if (kernels !== undefined && isFloat64Array(value) && value.length === rows * n) {
    if (kernels.areWeights(value, ROW_SUM_TOLERANCE, rows, n)) return value; // else find out below what is wrong, and where
  }
  const weights = checkNonNegativeVector(argument, value, rows * n);
  const isShort = typedArrayKind(value) === 'Float32Array';
  const tolerance = isShort ? ROW_SUM_TOLERANCE_F32 : ROW_SUM_TOLERANCE;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < n; column++) sum += weights[row * n + column];
    if (Math.abs(sum - 1) > tolerance) {
      throw new InputError('BTM_ROWSUM', `(a row of weights) must sum to 1 within ${tolerance}, got ${sum}`, {
        argument,
        index: row,
        value: sum,
        remedy: 'Project it with projectSimplex, or normalise scores with interRanking.',
      });
    }
    if (isShort) for (let column = 0; column < n; column++) weights[row * n + column] /= sum;
  }
  return weights;
}

/** A symmetric [n, n] matrix: H[i,j] === H[j,i], up to the rounding that a sum in another order leaves. */
export function checkSymmetric(argument: string, matrix: Float64Array, n: number, offset = 0): void {
  let largest = 0;
  for (let index = 0; index < n * n; index++) largest = Math.max(largest, Math.abs(matrix[offset + index]));
  const tolerance = 1e-12 * largest;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const upper = matrix[offset + i * n + j];
      const lower = matrix[offset + j * n + i];
      if (Math.abs(upper - lower) > tolerance) {
        throw new InputError('BTM_SYMMETRY', `is ${upper} at (${i}, ${j}) but ${lower} at (${j}, ${i})`, {
          argument,
          index: offset + i * n + j,
          value: upper - lower,
          remedy: 'Pass (H + H^T) / 2 if the asymmetry is noise.',
        });
      }
    }
  }
}

function convert(argument: string, value: readonly unknown[], length: number): Float64Array {
  // A list of holes has any length and no memory behind it: look at both ends before allocating.
  if (length > 0) for (const index of [0, length - 1]) checkEntry(argument, value[index], index);
  const array = new Float64Array(length);
  for (let index = 0; index < length; index++) {
    array[index] = checkEntry(argument, value[index], index);
  }
  return array;
}

function checkEntry(argument: string, entry: unknown, index: number): number {
  if (typeof entry === 'number') return entry;
  throw new InputError('BTM_TYPE', `must be a number, got ${describe(entry)}`, { argument, index, value: entry });
}

/** A value as messages show it. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (typeof value === 'object') {
    const name: unknown = typedArrayKind(value) ?? value.constructor?.name;
    return typeof name === 'string' && name !== '' ? `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}` : 'an object';
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'string') return `'${value}'`;
  return String(value);
}

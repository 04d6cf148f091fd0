/**
 * Rows of weights in parts per billion, made and moved in integers.
 * A row lists its positive entries in ascending order of slot and sums to exactly 1,000,000,000.
 */
import { InputError } from '../core/errors.js';
import { checkInteger, checkNumber } from '../core/validate.js';
import { checkList } from './check.js';
import { apportion, ceilSqrt, SquareSum } from './integers.js';
import { ROW_PARTS } from './units.js';

/** The positive entries of one row, ascending by target. */
export interface Row {
  readonly targets: Uint32Array;
  readonly weights: Uint32Array;
}

/** Sum of the weights of a row. */
export function rowSum(row: Row): number {
  let sum = 0;
  for (const weight of row.weights) sum += weight;
  return sum;
}

/** The row that puts everything on one target: where a newcomer starts. */
export function vertexRow(target: number): Row {
  return { targets: Uint32Array.of(target), weights: Uint32Array.of(ROW_PARTS) };
}

/**
 * Drops zeros from a dense vector of parts. Its sum is not checked.
 *
 * @param parts integers from 0 to 1,000,000,000
 * @throws InputError BTM_TYPE, BTM_DOMAIN naming the index
 * @example sparseRow([0, 250_000_000, 0, 750_000_000]).targets // returns Uint32Array [1, 3]
 */
export function sparseRow(parts: ArrayLike<number>): Row {
  checkList('parts', parts);
  let count = 0;
  for (let index = 0; index < parts.length; index++) if (checkPart('parts', parts[index], index) > 0) count++;
  const targets = new Uint32Array(count);
  const weights = new Uint32Array(count);
  for (let index = 0, at = 0; index < parts.length; index++) {
    if (parts[index] > 0) {
      targets[at] = index;
      weights[at++] = parts[index];
    }
  }
  return { targets, weights };
}

/** A row as a dense vector of parts of the given length. */
export function denseRow(row: Row, length: number): Uint32Array {
  const parts = new Uint32Array(length);
  row.targets.forEach((target, index) => {
    parts[target] = row.weights[index];
  });
  return parts;
}

/** The squared l2 distance between two rows, exact, in squared parts per billion. */
export function squaredDistance(a: Row, b: Row): bigint {
  const sum = new SquareSum();
  let i = 0;
  let j = 0;
  while (i < a.targets.length || j < b.targets.length) {
    const left = i < a.targets.length ? a.targets[i] : Number.POSITIVE_INFINITY;
    const right = j < b.targets.length ? b.targets[j] : Number.POSITIVE_INFINITY;
    if (left === right) sum.add(a.weights[i++] - b.weights[j++]);
    else if (left < right) sum.add(a.weights[i++]);
    else sum.add(b.weights[j++]);
  }
  return sum.value();
}

const EXPONENT = new DataView(new ArrayBuffer(8));

/** A finite float as mantissa * 2^exponent, exact. */
function decompose(value: number): { mantissa: bigint; exponent: number } {
  EXPONENT.setFloat64(0, value);
  const bits = EXPONENT.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & ((1n << 52n) - 1n);
  return biased === 0 ? { mantissa: fraction, exponent: -1074 } : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
}

/**
 * A row of floats as parts per billion that sum to exactly 1,000,000,000.
 *
 * The floats are taken as the exact rationals they are, divided by their exact sum and rounded by largest remainder, so
 * scores need not be normalised first and no part is lost or made by rounding. Ties go to the lower index.
 *
 * @param row non-negative finite floats, not all zero
 * @returns one integer per entry, summing to 1,000,000,000
 * @throws InputError BTM_NONFINITE, BTM_NEGATIVE, BTM_DOMAIN
 * @numerics exact
 * @example rowToParts([1, 1, 1]) // returns Uint32Array [333333334, 333333333, 333333333]
 */
export function rowToParts(row: ArrayLike<number>): Uint32Array {
  checkList('row', row);
  const terms: { mantissa: bigint; exponent: number }[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  for (let index = 0; index < row.length; index++) {
    const value = row[index];
    if (typeof value !== 'number') checkNumber(`row[${index}]`, value);
    if (!Number.isFinite(value)) throw new InputError('BTM_NONFINITE', `must be finite, got ${value}`, { argument: 'row', index, value });
    if (value < 0) throw new InputError('BTM_NEGATIVE', `must not be negative, got ${value}`, { argument: 'row', index, value });
    const term = decompose(value);
    terms.push(term);
    if (value > 0) lowest = Math.min(lowest, term.exponent);
  }
  if (lowest === Number.POSITIVE_INFINITY) {
    throw new InputError('BTM_DOMAIN', 'must have at least one entry above 0', {
      argument: 'row',
      remedy: 'A row without scores cannot be normalised.',
    });
  }
  const shares = terms.map((term) => (term.mantissa === 0n ? 0n : term.mantissa << BigInt(term.exponent - lowest)));
  return apportionParts(ROW_PARTS, shares);
}

/** {@link apportion} for totals of at most one row, as 32-bit parts. */
function apportionParts(total: number, shares: readonly bigint[]): Uint32Array {
  return Uint32Array.from(apportion(BigInt(total), shares), Number);
}

/**
 * The furthest integer row on the way from `current` to `target` that the ledger's step bound admits.
 *
 * Moves m parts from the entries that lose to the entries that gain, each side split by largest remainder, with m as large as
 * ||next - current||_2 <= epsilon allows: m + 1 would break the bound. The target itself is returned when it is within reach.
 *
 * @param current dense row in parts per billion, summing to 1,000,000,000
 * @param target dense row in parts per billion, of the same length and sum
 * @param epsilon the ledger's bound on the change of a row in one block, in parts per billion
 * @returns a dense row in parts per billion with the exact sum
 * @throws InputError BTM_TYPE, BTM_DOMAIN, BTM_SHAPE, BTM_ROWSUM
 * @numerics exact integers
 * @paper section 1.3, R-09
 * @example boundedStep([1_000_000_000, 0], [0, 1_000_000_000], 100_000_000) // returns Uint32Array [929289322, 70710678]
 */
export function boundedStep(current: ArrayLike<number>, target: ArrayLike<number>, epsilon: number): Uint32Array {
  checkInteger('epsilon', epsilon, 0);
  checkParts('current', current);
  checkParts('target', target);
  if (current.length !== target.length) {
    throw new InputError('BTM_SHAPE', `must have length ${current.length}, got ${target.length}`, { argument: 'target' });
  }
  const gains: bigint[] = [];
  const losses: bigint[] = [];
  const full = new SquareSum();
  let mass = 0;
  for (let index = 0; index < current.length; index++) {
    const change = target[index] - current[index];
    full.add(change);
    gains.push(BigInt(Math.max(change, 0)));
    losses.push(BigInt(Math.max(-change, 0)));
    if (change > 0) mass += change;
  }
  const bound = BigInt(epsilon) * BigInt(epsilon);
  const square = full.value();
  if (square <= bound) return Uint32Array.from(target);
  const reach = (moved: number): { row: Uint32Array; admitted: boolean } => {
    const up = apportionParts(moved, gains);
    const down = apportionParts(moved, losses);
    const row = new Uint32Array(current.length);
    const step = new SquareSum();
    for (let index = 0; index < row.length; index++) {
      row[index] = current[index] + up[index] - down[index];
      step.add(up[index] - down[index]);
    }
    return { row, admitted: step.value() <= bound };
  };
  // The continuous answer mass * epsilon / ||change||, then a walk to the exact edge: rounding shifts it by a few parts.
  let moved = Number((BigInt(mass) * BigInt(epsilon)) / ceilSqrt(square));
  let best = reach(moved);
  while (!best.admitted) best = reach(--moved);
  for (let next = reach(moved + 1); next.admitted; next = reach(++moved + 1)) best = next;
  return best.row;
}

function checkPart(argument: string, value: unknown, index: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= ROW_PARTS) return value;
  throw new InputError('BTM_DOMAIN', `must be an integer of parts per billion, got ${String(value)}`, { argument, index, value });
}

function checkParts(argument: string, parts: ArrayLike<number>): void {
  checkList(argument, parts);
  let sum = 0;
  for (let index = 0; index < parts.length; index++) sum += checkPart(argument, parts[index], index);
  if (sum !== ROW_PARTS) {
    throw new InputError('BTM_ROWSUM', `must sum to exactly ${ROW_PARTS}, got ${sum}`, {
      argument,
      value: sum,
      remedy: 'Make it with rowToParts.',
    });
  }
}

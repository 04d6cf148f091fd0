/**
 * The three passes of a settlement that touch every weight or every slot. Any processor gives the same integers, so the
 * state never depends on which one ran; the caller may inject a native one.
 */
import { InternalError } from '../core/errors.js';
import type { RowPage } from './pages.js';
import { PAGE } from './units.js';

/** A column of unsigned 128-bit integers as two columns of 64 bits. */
export interface Wide {
  readonly low: BigUint64Array;
  readonly high: BigUint64Array;
}

/** Sum and sum of squares of a ranking shifted right by `shift` bits. */
export interface Norms {
  readonly sum: bigint;
  readonly squares: bigint;
}

export interface Processor {
  readonly name: string;
  /** ranking[j] = sum over rows i of stake[i] * weight[i][j], exact. */
  rank(rows: readonly RowPage[], stake: BigUint64Array): Wide;
  /** Sum and sum of squares of ranking[j] >> shift; the shift leaves at most 62 bits in the sum. */
  norms(ranking: Wide, shift: number): Norms;
  /** `total` in proportion to ranking[j] >> shift, by largest remainder, ties to the lower slot. `sum` comes from `norms`. */
  distribute(ranking: Wide, shift: number, total: bigint, sum: bigint): BigUint64Array;
}

/** Stake is cut into limbs of this many bits: a limb times a weight of 30 bits stays exact in a double. */
const LIMB = 22;
const BASE = 2 ** LIMB;
const CARRY_AT = 2 ** 52;

/**
 * The reference. Products are kept in three columns of doubles holding integers below 2^53, with a carry from one to the next; everything is
 * exact, so the order of rows cannot matter.
 */
export const referenceProcessor: Processor = { name: 'reference', rank, norms, distribute };

function rank(rows: readonly RowPage[], stake: BigUint64Array): Wide {
  const slots = stake.length;
  const limbs = [new Float64Array(slots), new Float64Array(slots), new Float64Array(slots)];
  const used = [0, 0, 0];
  rows.forEach((page, number) => {
    for (let at = 0; at < PAGE; at++) {
      const slot = number * PAGE + at;
      if (slot >= slots || stake[slot] === 0n) continue;
      for (let limb = 0; limb < 3; limb++) {
        const factor = Number((stake[slot] >> BigInt(LIMB * limb)) & BigInt(BASE - 1));
        if (factor === 0) continue;
        used[limb] = 1;
        addRow(limbs, limb, page, at, factor);
      }
    }
  });
  return joinLimbs(limbs);
}

function addRow(limbs: readonly Float64Array[], limb: number, page: RowPage, at: number, factor: number): void {
  const column = limbs[limb];
  const { weights } = page;
  if (page.kind === 'dense') {
    const from = at * page.width;
    const width = Math.min(page.width, column.length);
    for (let target = 0; target < width; target++) {
      const sum = column[target] + factor * weights[from + target];
      column[target] = sum;
      if (sum >= CARRY_AT) carry(limbs, limb, target);
    }
    return;
  }
  for (let k = page.start[at]; k < page.start[at + 1]; k++) {
    const target = page.targets[k];
    const sum = column[target] + factor * weights[k];
    column[target] = sum;
    if (sum >= CARRY_AT) carry(limbs, limb, target);
  }
}

function carry(limbs: readonly Float64Array[], limb: number, target: number): void {
  if (limb === 2) {
    // Total stake is below 2^63 and a row sums to less than 2^30, so the top limb stays below 2^49.
    throw new InternalError('the ranking overflowed its top limb');
  }
  const value = limbs[limb][target];
  const up = Math.floor(value / BASE);
  limbs[limb][target] = value - up * BASE;
  limbs[limb + 1][target] += up;
  if (limbs[limb + 1][target] >= CARRY_AT) carry(limbs, limb + 1, target);
}

function joinLimbs(limbs: readonly Float64Array[]): Wide {
  const slots = limbs[0].length;
  const low = new BigUint64Array(slots);
  const high = new BigUint64Array(slots);
  for (let slot = 0; slot < slots; slot++) {
    const value = BigInt(limbs[0][slot]) + (BigInt(limbs[1][slot]) << BigInt(LIMB)) + (BigInt(limbs[2][slot]) << BigInt(2 * LIMB));
    low[slot] = value;
    high[slot] = value >> 64n;
  }
  return { low, high };
}

/** Entry of a wide column as one integer. */
export function wideAt(column: Wide, slot: number): bigint {
  return column.low[slot] + (column.high[slot] << 64n);
}

function norms(ranking: Wide, shift: number): Norms {
  const by = BigInt(shift);
  let sum = 0n;
  let squares = 0n;
  for (let slot = 0; slot < ranking.low.length; slot++) {
    const value = wideAt(ranking, slot) >> by;
    if (value === 0n) continue;
    sum += value;
    squares += value * value;
  }
  return { sum, squares };
}

function distribute(ranking: Wide, shift: number, total: bigint, sum: bigint): BigUint64Array {
  const by = BigInt(shift);
  const slots = ranking.low.length;
  const parts = new BigUint64Array(slots);
  const remainders = new BigUint64Array(slots);
  let left = total;
  for (let slot = 0; slot < slots; slot++) {
    const product = total * (wideAt(ranking, slot) >> by);
    if (product === 0n) continue;
    const part = product / sum;
    parts[slot] = part;
    remainders[slot] = product - part * sum;
    left -= part;
  }
  let count = Number(left);
  if (count === 0) return parts;
  // One unit to each of the largest remainders: everything above the smallest that still gets one, then the lower slots among its equals.
  const sorted = remainders.slice().sort();
  const least = sorted[slots - count];
  for (let slot = 0; slot < slots; slot++) {
    if (remainders[slot] > least) {
      parts[slot] += 1n;
      count--;
    }
  }
  for (let slot = 0; slot < slots && count > 0; slot++) {
    if (remainders[slot] === least) {
      parts[slot] += 1n;
      count--;
    }
  }
  return parts;
}

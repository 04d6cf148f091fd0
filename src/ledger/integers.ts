/** Exact integer arithmetic of the ledger: roots, shares, squared distances. */

/** Number of bits of a non-negative integer; 0 for 0. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Largest r with r*r <= value, by Newton's iteration from above. */
export function floorSqrt(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** Smallest r with r*r >= value. */
export function ceilSqrt(value: bigint): bigint {
  const root = floorSqrt(value);
  return root * root === value ? root : root + 1n;
}

/**
 * Split `total` in proportion to `shares` so that the parts sum to exactly `total` (largest remainder, Hamilton).
 * Ties go to the lower index. Shares must not be negative and must not all be zero.
 */
export function apportion(total: bigint, shares: readonly bigint[]): bigint[] {
  let sum = 0n;
  for (const share of shares) sum += share;
  const parts: bigint[] = new Array(shares.length);
  const remainders: bigint[] = new Array(shares.length);
  let left = total;
  for (let index = 0; index < shares.length; index++) {
    const product = total * shares[index];
    parts[index] = product / sum;
    remainders[index] = product % sum;
    left -= parts[index];
  }
  if (left === 0n) return parts;
  const order = remainders.map((_, index) => index).filter((index) => remainders[index] > 0n);
  order.sort((a, b) => (remainders[a] === remainders[b] ? a - b : remainders[a] > remainders[b] ? -1 : 1));
  for (let k = 0; k < Number(left); k++) parts[order[k]] += 1n;
  return parts;
}

/**
 * A sum of squares of integers below 2^30 in size, exact: each is split into two halves of 15 bits, whose
 * products a double adds up without rounding for more than two million terms.
 */
export class SquareSum {
  private high = 0;
  private cross = 0;
  private low = 0;

  add(value: number): void {
    const size = value < 0 ? -value : value;
    const a = size >>> 15;
    const b = size & 0x7fff;
    this.high += a * a;
    this.cross += a * b;
    this.low += b * b;
  }

  value(): bigint {
    return (BigInt(this.high) << 30n) + (BigInt(this.cross) << 16n) + BigInt(this.low);
  }
}

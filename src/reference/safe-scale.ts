/** Powers of two that keep squares, products and sums inside the range of a double. */

const MOST = 2 ** 400;
const LEAST = 2 ** -400;

/**
 * The factor for numbers whose largest magnitude is `largest`: 1 between 2^-400 and 2^400, and for 0.
 * Multiplying by it is exact, so results keep their bits wherever nothing would have overflowed or underflowed.
 */
export function safeScale(largest: number): number {
  if (largest > MOST) return 2 ** -600;
  return largest > 0 && largest < LEAST ? 2 ** 600 : 1;
}

/** The largest magnitude; 0 for no entries. */
export function largestSize(values: Float64Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** Own and other entries of a square matrix of non-negative numbers, summed; multiplied by 2^-64 where the sum would overflow. */
export function diagonalSums(weights: Float64Array, n: number): { own: number; others: number } {
  const plain = sumsTimes(1, weights, n);
  return Number.isFinite(plain.own + plain.others) ? plain : sumsTimes(2 ** -64, weights, n);
}

function sumsTimes(factor: number, weights: Float64Array, n: number): { own: number; others: number } {
  let own = 0;
  let others = 0;
  for (let at = 0; at < n * n; at++) {
    if (at % (n + 1) === 0) own += weights[at] * factor;
    else others += weights[at] * factor;
  }
  return { own, others };
}

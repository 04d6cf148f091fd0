/**
 * Changes of a softmax distribution where the short formulas of loss.ts lose digits: logits with floors (-1e30, the smallest
 * float), changes beyond the exponential, offsets that all classes share, classes whose probability rounds to 0 or 1.
 *
 * The short formula is kept wherever it loses at most ten bits, so ordinary results have ordinary costs.
 */
import { exp, expm1, log, log1p, treeDot, treeSum } from '../core/arithmetic/index.js';

/** A difference below this share of its terms has lost more than ten bits. */
export const LOST = 2 ** -10;

/** A variance below this share of the squared mean has lost digits to the rounding of the mean. */
export const OFFSET = 2 ** -40;

/** Above this the exponential of a change would overflow. */
export const LARGEST_CHANGE = 700;

/** From here on a class of probability 0 can gain enough to be seen. */
export const VISIBLE_CHANGE = 40;

/** The largest entry that is not NaN; -inf for none. */
export function largestOf(z: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const x of z) if (x > largest) largest = x;
  return largest;
}

/** Above this the rounding of a mean is seen in the exponential of what is left. */
const LARGEST_MEAN = 1024;

/** Whether sum_c p_c r(v_c - mean) is too small a share of mean^2, or the mean too large, to be trusted; true for NaN. */
export function isOffsetEntropy(sum: number, mean: number, share: number): boolean {
  return !(sum >= share * (mean * mean) && Math.abs(mean) <= LARGEST_MEAN);
}

/** Index of the likeliest class, the first of equals. */
export function likeliest(p: Float64Array): number {
  let best = 0;
  for (let c = 1; c < p.length; c++) if (p[c] > p[best]) best = c;
  return best;
}

/** Whether a sum of squares about `mean` is too small to be trusted; true for NaN. */
export function isOffset(form: number, mean: number): boolean {
  return !(form >= OFFSET * (mean * mean));
}

/** v less its mean under p, taken about the likeliest class; 0 where p is 0, because nothing reads it there. */
export function centreAbout(p: Float64Array, v: Float64Array): { centred: Float64Array; mean: number; origin: number } {
  const origin = v[likeliest(p)];
  const shifted = v.map((x, c) => (p[c] > 0 ? x - origin : 0));
  const mean = treeDot(p, shifted);
  return { centred: shifted.map((x, c) => (p[c] > 0 ? x - mean : 0)), mean, origin };
}

/** sum_c p_c (v_c - v_label): p.v - v_label without its cancellation. */
export function slopeAbout(p: Float64Array, v: Float64Array, label: number): number {
  return treeDot(
    p,
    v.map((x, c) => (p[c] > 0 ? x - v[label] : 0)),
  );
}

/** (p - t).v for soft labels t that sum to 1, given p.v; about the likeliest class where the difference would lose digits. */
export function softSlope(p: Float64Array, v: Float64Array, targets: Float64Array, mean: number): number {
  const slope = mean - treeDot(targets, v);
  if (Math.abs(slope) >= LOST * Math.abs(mean)) return slope;
  const origin = v[likeliest(p)];
  const shifted = v.map((x, c) => (p[c] > 0 || targets[c] > 0 ? x - origin : 0));
  return treeDot(p, shifted) - treeDot(targets, shifted);
}

/** sum_c t_c (lse(z) - z_c) for soft labels t that sum to 1: no term is negative. */
export function softLoss(z: Float64Array, targets: Float64Array): number {
  const largest = largestOf(z);
  const most = likeliest(z);
  const missed = treeDot(
    targets,
    z.map((x, c) => (targets[c] > 0 ? largest - x : 0)),
  );
  return missed + log1p(treeSum(z.map((x, c) => (c === most ? 0 : exp(x - largest)))));
}

/** p - t for soft labels t that sum to 1; the likeliest class gets minus the sum of the others where its difference would lose digits. */
export function softGradient(p: Float64Array, targets: Float64Array): Float64Array {
  const gradient = p.map((x, c) => x - targets[c]);
  const most = likeliest(p);
  if (Math.abs(gradient[most]) < LOST * targets[most]) gradient[most] = -treeSum(gradient.map((x, c) => (c === most ? 0 : x)));
  return gradient;
}

/** Whether the terms p_c r(u_c) of a divergence can be added as they are. */
export function fitsExponential(p: Float64Array, largest: number): boolean {
  return largest <= LARGEST_CHANGE && !(largest > VISIBLE_CHANGE && p.some((x) => x === 0));
}

/** z_c - max, and the logarithm of the sum of their exponentials: log p_c is the difference. */
function logProbabilities(z: Float64Array): { shifted: Float64Array; normaliser: number } {
  const largest = largestOf(z);
  const shifted = z.map((x) => x - largest);
  return { shifted, normaliser: log(treeSum(shifted.map(exp))) };
}

/** A divergence, and the centred change that it was computed from (0 where p is 0). */
export interface Divergence {
  readonly value: number;
  readonly centred: Float64Array;
}

/**
 * KL(p, q) for p = softmax z and q proportional to p e^v, about the likeliest class. `moved` is z + v where the caller knows it
 * better than that sum does, else null. `remainder` is e^u - 1 - u.
 */
export function divergence(
  p: Float64Array,
  z: Float64Array,
  v: Float64Array,
  moved: Float64Array | null,
  remainder: (u: number) => number,
): Divergence {
  const { centred, mean, origin } = centreAbout(p, v);
  const exponents = logMoved(z, v, moved, origin, mean);
  const largest = largestOf(exponents);
  if (!(largest <= LARGEST_CHANGE)) {
    return { value: largest + log(treeSum(exponents.map((x) => exp(x - largest)))), centred };
  }
  const terms = p.map((x, c) => {
    const u = centred[c];
    return x > 0 && u <= LARGEST_CHANGE ? x * remainder(u) : exp(exponents[c]) - x * (1 + u);
  });
  return { value: log1p(treeSum(terms)), centred };
}

/** log(p_c e^(v_c - origin - mean)) of every class. */
function logMoved(z: Float64Array, v: Float64Array, moved: Float64Array | null, origin: number, mean: number): Float64Array {
  const { shifted, normaliser } = logProbabilities(z);
  const largest = largestOf(z);
  if (moved === null) return shifted.map((x, c) => x - normaliser + (v[c] - origin - mean));
  return moved.map((x) => x - origin - largest - normaliser - mean);
}

/**
 * Q(z + v) - Q(z) of the cross-entropy: log1p(sum_c p_c (e^(v_c - v_y) - 1)), less t.(v - v_y) for soft labels t with the largest at y;
 * null where that has no digits left and the two losses are better subtracted.
 */
export function lossChange(
  p: Float64Array,
  z: Float64Array,
  v: Float64Array,
  moved: Float64Array | null,
  target: { readonly label: number; readonly values: Float64Array },
): number | null {
  const soft = target.label < 0;
  const origin = v[soft ? likeliest(target.values) : target.label];
  const exponents = logMoved(z, v, moved, origin, 0);
  if (!(largestOf(exponents) <= LARGEST_CHANGE)) return null;
  const sum = treeSum(
    p.map((x, c) => {
      const change = v[c] - origin;
      return x > 0 && change <= LARGEST_CHANGE ? x * expm1(change) : exp(exponents[c]) - x;
    }),
  );
  if (!(sum >= -0.5)) return null;
  if (!soft) return log1p(sum);
  const rest = treeDot(
    target.values,
    v.map((x, c) => (target.values[c] > 0 ? x - origin : 0)),
  );
  return log1p(sum) - rest;
}

/** The cross-entropy with a label that is almost certain, from what the other classes have left; null for any other label. */
export function certainLoss(z: Float64Array, label: number): number | null {
  const largest = largestOf(z);
  if (z[label] !== largest) return null;
  const others = treeSum(z.map((x, c) => (c === label ? 0 : exp(x - largest))));
  return others < LOST ? log1p(others) : null;
}

/** p_label - 1: minus the sum of the others where the difference would have lost digits. */
export function missingProbability(p: Float64Array, label: number): number {
  const missing = p[label] - 1;
  return missing > -LOST ? -treeSum(p.map((x, c) => (c === label ? 0 : x))) : missing;
}

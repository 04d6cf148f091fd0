/** Exact projections onto the simplex, alone and inside a ball, and the residuals that certify an equilibrium. */
import { treeDot, treeSum } from '../core/arithmetic/index.js';
import { areWeights, networkRanking } from './ranking.js';
import { largestSize, safeScale } from './safe-scale.js';

/** More pieces than this cannot occur: each Newton step of the bounded projection leaves a piece of the path for good. */
const MOST_PIECES = 64;
/** Beyond the diameter of the simplex by far, and its square is finite. */
const LARGEST_RADIUS = 2 ** 100;

/**
 * Euclidean projection of each row onto {w >= floor, sum w = 1}. Michelot's rule without sorting: drop what lies at or
 * below the threshold, average the rest anew, until nothing drops.
 */
export function projectSimplex(out: Float64Array, rows: Float64Array, floor: number, count: number, n: number): void {
  for (let i = 0; i < count; i++) projectRow(out, rows, i * n, floor, n);
}

function projectRow(out: Float64Array, rows: Float64Array, at: number, floor: number, n: number): void {
  const y = shiftedRow(rows, at, n);
  const mass = 1 - floor * n;
  const threshold = simplexThreshold(y, mass, n);
  for (let j = 0; j < n; j++) out[at + j] = Math.max(y[j] - threshold, 0) + floor;
}

/** The row less its largest entry: the projection does not change, and huge entries lose nothing. */
function shiftedRow(rows: Float64Array, at: number, n: number): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < n; j++) if (rows[at + j] > largest) largest = rows[at + j];
  return rows.slice(at, at + n).map((entry) => entry - largest);
}

/** The theta with sum of max(y - theta, 0) = mass, for a row whose largest entry is 0. */
function simplexThreshold(y: Float64Array, mass: number, n: number): number {
  let threshold = -mass; // the largest entry alone gives this much: theta is never below
  let kept = n + 1;
  for (;;) {
    const active = y.map((entry) => (entry > threshold ? entry : 0));
    const count = y.reduce((total, entry) => total + (entry > threshold ? 1 : 0), 0);
    if (count >= kept || count === 0) return threshold; // never more than before, but for rounding: so this ends
    kept = count;
    threshold = (treeSum(active, 0, n) - mass) / count;
  }
}

/** How a step of rows ended: they moved, or a row does not lie on the simplex, or a step is not finite. */
export const STEP_OUTCOMES = { moved: 0, notWeights: 1, notFinite: 2 } as const;

/**
 * Projection of each row c + d onto {w >= 0, sum w = 1, |w - c| <= epsilon}, exactly. Each c must lie on the simplex within the
 * tolerance. Returns one of {@link STEP_OUTCOMES}; `out` means nothing unless all rows moved.
 */
export function projectBoundedStep(
  out: Float64Array,
  rows: Float64Array,
  steps: Float64Array,
  epsilon: number,
  tolerance: number,
  count: number,
  n: number,
): number {
  for (let i = 0; i < count; i++) {
    const c = rows.subarray(i * n, (i + 1) * n);
    const d = steps.subarray(i * n, (i + 1) * n);
    if (!areWeights(c, tolerance, 1, n)) return STEP_OUTCOMES.notWeights;
    if (!d.every(Number.isFinite)) return STEP_OUTCOMES.notFinite;
    out.set(boundedStepRow(c, d, epsilon), i * n);
  }
  return STEP_OUTCOMES.moved;
}

/** The same for one row, unchecked. */
export function boundedStepRow(c: Float64Array, d: Float64Array, epsilon: number): Float64Array {
  const free = alongStep(c, d, 1);
  return squaredDistance(free, c) <= epsilon * epsilon ? free : boundedMaximiser(c, d, epsilon);
}

/** A step of all rows, and the network's ranking after it; returns what {@link projectBoundedStep} does. */
export function stepAndRank(
  out: Float64Array,
  ranking: Float64Array,
  rows: Float64Array,
  steps: Float64Array,
  stake: Float64Array,
  epsilon: number,
  tolerance: number,
  n: number,
): number {
  const outcome = projectBoundedStep(out, rows, steps, epsilon, tolerance, n, n);
  if (outcome === STEP_OUTCOMES.moved) networkRanking(ranking, out, stake, n);
  return outcome;
}

/**
 * The point P(c + t d) with the largest t whose distance from c is at most epsilon; it maximises d.w within the ball.
 * With s = t^2 the squared distance is concave and piecewise linear in s, so Newton's rule climbs its pieces from below.
 */
function boundedMaximiser(c: Float64Array, d: Float64Array, epsilon: number): Float64Array {
  const n = c.length;
  const largest = largestSize(d);
  if (largest === 0 || n === 0) return c.slice();
  const direction = d.map((entry) => entry / largest);
  const all = pieceAt(
    c.map(() => 1),
    c,
    direction,
  );
  if (all.slope === 0) return c.slice();
  const bound = Math.min(epsilon, LARGEST_RADIUS) ** 2;
  let s = bound / all.slope;
  let w = alongStep(c, direction, Math.sqrt(s));
  for (let piece = 0; piece < MOST_PIECES; piece++) {
    const { slope, offset } = pieceAt(w, c, direction);
    const next = slope > 0 ? (bound - offset) / slope : s;
    if (!(next > s && next < Number.POSITIVE_INFINITY)) return w;
    s = next;
    w = alongStep(c, direction, Math.sqrt(s));
  }
  return w;
}

/** On the support of w, |P(c + t d) - c|^2 = slope t^2 + offset. */
function pieceAt(w: Float64Array, c: Float64Array, d: Float64Array): { slope: number; offset: number } {
  const support = w.map((entry) => (entry > 0 ? 1 : 0));
  const count = treeSum(support);
  const mean = treeSum(d.map((entry, j) => (support[j] === 1 ? entry : 0))) / count;
  const spread = d.map((entry, j) => (support[j] === 1 ? entry - mean : 0));
  const lost = c.map((entry, j) => (support[j] === 1 ? 0 : entry));
  const lostSum = treeSum(lost);
  return { slope: treeDot(spread, spread), offset: (lostSum * lostSum) / count + treeDot(lost, lost) };
}

function alongStep(c: Float64Array, d: Float64Array, t: number): Float64Array {
  const out = new Float64Array(c.length);
  projectSimplex(
    out,
    c.map((entry, j) => entry + t * d[j]),
    0,
    1,
    c.length,
  );
  return out;
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  const difference = a.map((entry, j) => entry - b[j]);
  return treeDot(difference, difference);
}

/**
 * Per row: the Frank-Wolfe gap max_k g_k - g.w, the natural residual |P(w + g) - w|, and the local regret, the most that g.(w' - w)
 * reaches within the simplex at distance epsilon.
 */
export function residuals(
  gap: Float64Array,
  natural: Float64Array,
  regret: Float64Array,
  weights: Float64Array,
  gradient: Float64Array,
  epsilon: number,
  count: number,
  n: number,
): void {
  for (let i = 0; i < count; i++) {
    const w = weights.subarray(i * n, (i + 1) * n);
    const g = gradient.subarray(i * n, (i + 1) * n);
    const scale = safeScale(largestSize(g));
    const scaled = g.map((entry) => entry * scale);
    const below = shiftedRow(scaled, 0, n).map((entry) => -entry);
    gap[i] = treeDot(below, w) / scale;
    natural[i] = Math.sqrt(squaredDistance(alongStep(w, g, 1), w));
    const best = boundedMaximiser(w, g, epsilon);
    const moved = best.map((entry, j) => entry - w[j]);
    regret[i] = treeDot(scaled, moved) / scale;
  }
}

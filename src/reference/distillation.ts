/**
 * Distillation losses and their gradients with respect to the student's logits, one sample after the other.
 *
 * Everything is computed from the tempered log-ratio v = (z_student - z_teacher) / T, centred under the distribution that
 * weights it. Probabilities never enter a logarithm, so a saturated softmax gives a finite loss and a finite gradient, and two
 * nearly equal models give a loss that is exact to rounding instead of the difference of two large sums.
 */
import { exp, expm1, log1p, logSumExp, softmax, treeDot, treeSum } from '../core/arithmetic/index.js';

/** The divergences, in the numbering that the kernels share. */
export const distillationKinds = { forwardKl: 0, reverseKl: 1, jsd: 2, mse: 3 } as const;

/** Above this, expm1(u) would overflow and the log-sum-exp form of the divergence takes over. */
const LARGE_LOG_RATIO = 700;

/**
 * Per-sample distillation losses [batch] and gradients [batch, outputs].
 * `labels` is empty when the loss has no hard-label term; `scale` multiplies the divergence (T^2 by the usual convention).
 */
export function distillation(
  losses: Float64Array,
  gradients: Float64Array,
  teacher: Float64Array,
  student: Float64Array,
  labels: Int32Array,
  temperature: number,
  scale: number,
  alpha: number,
  kind: number,
  batch: number,
  outputs: number,
): void {
  for (let b = 0; b < batch; b++) {
    const t = teacher.subarray(b * outputs, (b + 1) * outputs);
    const s = student.subarray(b * outputs, (b + 1) * outputs);
    const gradient = gradients.subarray(b * outputs, (b + 1) * outputs);
    const divergence = kind === distillationKinds.mse ? meanSquare(gradient, t, s) : tempered(gradient, t, s, temperature, scale, kind);
    losses[b] = labels.length === 0 ? divergence : blendCrossEntropy(gradient, divergence, s, labels[b], alpha);
  }
}

/** (1/C) ||s - t||^2. The temperature cancels: T^2 times the squared difference of z/T. */
function meanSquare(gradient: Float64Array, t: Float64Array, s: Float64Array): number {
  const outputs = t.length;
  const difference = new Float64Array(outputs);
  for (let c = 0; c < outputs; c++) {
    difference[c] = s[c] - t[c];
    gradient[c] = (2 * difference[c]) / outputs;
  }
  return treeDot(difference, difference) / outputs;
}

function tempered(gradient: Float64Array, t: Float64Array, s: Float64Array, temperature: number, scale: number, kind: number): number {
  const p = softmax(t.map((z) => z / temperature));
  const q = softmax(s.map((z) => z / temperature));
  const slope = scale / temperature;
  if (kind === distillationKinds.reverseKl) {
    const u = centredLogRatio(q, t, s, temperature);
    for (let c = 0; c < u.length; c++) gradient[c] = -(slope * (q[c] * u[c]));
    return scale * divergenceFromLogRatio(q, s, temperature, u);
  }
  const u = centredLogRatio(p, s, t, temperature);
  const forward = divergenceFromLogRatio(p, t, temperature, u);
  if (kind === distillationKinds.forwardKl) {
    for (let c = 0; c < u.length; c++) gradient[c] = slope * (q[c] - p[c]);
    return scale * forward;
  }
  return scale * jensenShannon(gradient, p, q, u, forward, slope);
}

/** u_c = v_c - sum_c weight_c v_c with v = (to - from) / T: the log-ratio of the two distributions up to a constant. */
function centredLogRatio(weight: Float64Array, to: Float64Array, from: Float64Array, temperature: number): Float64Array {
  const u = to.map((z, c) => (z - from[c]) / temperature);
  const mean = treeDot(weight, u);
  return u.map((v) => v - mean);
}

/**
 * KL(weight || other) where other is proportional to weight * exp(u) and u has mean zero under weight:
 * log1p(sum_c weight_c (expm1(u_c) - u_c)), a sum of terms none of which is negative.
 */
function divergenceFromLogRatio(weight: Float64Array, logits: Float64Array, temperature: number, u: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const entry of u) largest = Math.max(entry, largest);
  if (largest <= LARGE_LOG_RATIO) return log1p(treeSum(u.map((entry, c) => weight[c] * expm1Remainder(entry))));
  const scaled = logits.map((z) => z / temperature);
  const total = logSumExp(scaled);
  const value = logSumExp(scaled.map((z, c) => z - total + u[c]));
  return Math.max(value, 0);
}

/** expm1(u) - u, at least 0; a series where the difference would cancel. */
export function expm1Remainder(u: number): number {
  if (!(u > -0.5 && u < 0.5)) return expm1(u) - u;
  let sum = REMAINDER_SERIES[0];
  for (let k = 1; k < REMAINDER_SERIES.length; k++) sum = sum * u + REMAINDER_SERIES[k];
  return u * u * sum;
}

/** 1/15!, 1/14!, ..., 1/2!: the first dropped term is below 2^-57 of the first for |u| < 1/2. */
const REMAINDER_SERIES = [
  1 / 1307674368000,
  1 / 87178291200,
  1 / 6227020800,
  1 / 479001600,
  1 / 39916800,
  1 / 3628800,
  1 / 362880,
  1 / 40320,
  1 / 5040,
  1 / 720,
  1 / 120,
  1 / 24,
  1 / 6,
  1 / 2,
] as const;

/**
 * Jensen-Shannon divergence with weight 1/2, and slope times its derivative.
 * With d = log p - log q and m = (p + q) / 2, log(p/m) = f(d) and log(q/m) = f(-d), f(d) = ln 2 - log1p(e^-d).
 */
function jensenShannon(gradient: Float64Array, p: Float64Array, q: Float64Array, u: Float64Array, forward: number, slope: number): number {
  const outputs = p.length;
  const terms = new Float64Array(outputs);
  const logRatioToMean = new Float64Array(outputs); // log(q/m)
  for (let c = 0; c < outputs; c++) {
    const d = forward - u[c];
    const a = Math.abs(d);
    const larger = d < 0 ? q[c] : p[c];
    const smaller = d < 0 ? p[c] : q[c];
    const e = expm1(-a);
    let up: number; // log(larger / m)
    let down: number; // log(smaller / m)
    if (a < 1) {
      const logCosh = 0.5 * log1p((e * e) / (4 * (1 + e))); // log cosh(a/2): f(a) = a/2 - logCosh without its cancellation
      up = 0.5 * a - logCosh;
      down = -0.5 * a - logCosh;
      terms[c] = 0.5 * (0.5 * a * (-larger * e) - (larger + smaller) * logCosh);
    } else {
      up = Math.LN2 - log1p(exp(-a));
      down = up - a;
      terms[c] = 0.5 * (larger * up + smaller * down);
    }
    logRatioToMean[c] = d < 0 ? up : down;
  }
  const mean = treeDot(q, logRatioToMean);
  for (let c = 0; c < outputs; c++) gradient[c] = slope * (0.5 * (q[c] * (logRatioToMean[c] - mean)));
  return treeSum(terms);
}

/** alpha * divergence + (1 - alpha) * cross-entropy of the student's untempered logits with the label. */
function blendCrossEntropy(gradient: Float64Array, divergence: number, s: Float64Array, label: number, alpha: number): number {
  const probabilities = softmax(s);
  const hard = 1 - alpha;
  for (let c = 0; c < s.length; c++) {
    gradient[c] = alpha * gradient[c] + hard * (probabilities[c] - (c === label ? 1 : 0));
  }
  return alpha * divergence + hard * (logSumExp(s) - s[label]);
}

/** The kernels of this family. */
export const distillationReference = { distillation };

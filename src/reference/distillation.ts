/**
 * Distillation losses and their gradients with respect to the student's logits, one sample after the other.
 *
 * Everything is computed from the tempered log-ratio v = (z_student - z_teacher) / T, centred under the distribution that
 * weights it. Probabilities never enter a logarithm, so a saturated softmax gives a finite loss and a finite gradient, and two
 * nearly equal models give a loss that is exact to rounding instead of the difference of two large sums.
 */
import { exp, expm1, log, log1p, logSumExp, softmax, treeDot, treeSum } from '../core/arithmetic/index.js';
import {
  certainLoss,
  divergence,
  fitsExponential,
  isOffsetEntropy,
  LARGEST_CHANGE,
  LOST,
  largestOf,
  likeliest,
  missingProbability,
} from './divergence.js';

/** The divergences, in the numbering that the kernels share. */
export const distillationKinds = { forwardKl: 0, reverseKl: 1, jsd: 2, mse: 3 } as const;

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
    const { value, centred } = logRatio(q, t, s, temperature);
    for (let c = 0; c < q.length; c++) gradient[c] = -(slope * (q[c] * centred[c]));
    return scale * value;
  }
  const ratio = logRatio(p, s, t, temperature);
  if (kind === distillationKinds.jsd) return scale * jensenShannon(gradient, p, q, logRatios(p, s, t, temperature, ratio), slope);
  for (let c = 0; c < p.length; c++) {
    const change = ratio.centred[c] - ratio.value; // log q - log p
    const near = p[c] > 0 && ratio.value <= LARGEST_CHANGE && Math.abs(change) < LOST;
    gradient[c] = slope * (near ? p[c] * expm1(change) : q[c] - p[c]);
  }
  return scale * ratio.value;
}

/** KL(weight, other) and the log-ratio of the two up to a constant. */
interface LogRatio {
  readonly value: number;
  /** v less its mean under weight, v = (to - from) / T. */
  readonly centred: Float64Array;
  /** Whether `centred` means something for every class; else it is 0 where the weight is 0. */
  readonly complete: boolean;
}

/** KL(weight, other) for weight = softmax(from / T) and other = softmax(to / T), a sum of terms none of which is negative. */
function logRatio(weight: Float64Array, to: Float64Array, from: Float64Array, temperature: number): LogRatio {
  const v = to.map((z, c) => (z - from[c]) / temperature);
  const mean = treeDot(weight, v);
  const centred = v.map((x) => x - mean);
  if (fitsExponential(weight, largestOf(centred))) {
    const sum = treeSum(centred.map((u, c) => weight[c] * expm1Remainder(u)));
    if (!isOffsetEntropy(sum, mean, LOST * LOST)) return { value: log1p(sum), centred, complete: true };
  }
  const moved = to.map((z) => z / temperature);
  const careful = divergence(
    weight,
    from.map((z) => z / temperature),
    v,
    moved,
    expm1Remainder,
  );
  return { ...careful, complete: false };
}

/** log p - log q of every class. */
function logRatios(p: Float64Array, to: Float64Array, from: Float64Array, temperature: number, ratio: LogRatio): Float64Array {
  const { value, centred, complete } = ratio;
  if (complete) return centred.map((u) => value - u);
  const logP = logSoftmax(from, temperature);
  const logQ = logSoftmax(to, temperature);
  return centred.map((u, c) => (value <= LARGEST_CHANGE && p[c] > 0 && Math.abs(u) <= LARGEST_CHANGE ? value - u : logP[c] - logQ[c]));
}

function logSoftmax(z: Float64Array, temperature: number): Float64Array {
  const scaled = z.map((x) => x / temperature);
  const largest = largestOf(scaled);
  const shifted = scaled.map((x) => x - largest);
  const normaliser = log(treeSum(shifted.map(exp)));
  return shifted.map((x) => x - normaliser);
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
function jensenShannon(gradient: Float64Array, p: Float64Array, q: Float64Array, ratios: Float64Array, slope: number): number {
  const outputs = p.length;
  const terms = new Float64Array(outputs);
  const logRatioToMean = new Float64Array(outputs); // log(q/m)
  for (let c = 0; c < outputs; c++) {
    const d = ratios[c];
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
  const origin = logRatioToMean[likeliest(q)]; // where the difference from the mean loses digits, both are taken about it
  const shifted = logRatioToMean.map((h, c) => (q[c] > 0 ? h - origin : 0));
  const shiftedMean = treeDot(q, shifted);
  for (let c = 0; c < outputs; c++) {
    const plain = logRatioToMean[c] - mean;
    const centred = Math.abs(plain) >= LOST * Math.abs(mean) ? plain : shifted[c] - shiftedMean;
    gradient[c] = slope * (0.5 * (q[c] * centred));
  }
  return treeSum(terms);
}

/** alpha * divergence + (1 - alpha) * cross-entropy of the student's untempered logits with the label. */
function blendCrossEntropy(gradient: Float64Array, soft: number, s: Float64Array, label: number, alpha: number): number {
  const slopes = softmax(s);
  slopes[label] = missingProbability(slopes, label);
  const hard = 1 - alpha;
  for (let c = 0; c < s.length; c++) gradient[c] = alpha * gradient[c] + hard * slopes[c];
  return alpha * soft + hard * (certainLoss(s, label) ?? logSumExp(s) - s[label]);
}

/** The kernels of this family. */
export const distillationReference = { distillation };

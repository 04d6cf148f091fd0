/**
 * The losses Q(z) at the end of a head: value, gradient, curvature and relative entropy, in plain TypeScript.
 *
 * | loss | Q | distribution of the model | H |
 * |---|---|---|---|
 * | softmaxCrossEntropy | lse(z) - z_y | p = softmax z | diag(p) - p p^T |
 * | binaryCrossEntropy | sum_c softplus(z_c) - t_c z_c | independent, p_c = sigmoid z_c | diag(p (1 - p)) |
 * | squaredError | 1/2 |z - t|^2 | normal with mean z and unit covariance | I |
 */

import { exp, expm1, log, log1p, sigmoid, sigmoidDerivative, softmax, treeDot, treeSum } from '../core/arithmetic/index.js';
import type { Loss } from '../core/closed-lists.js';
import {
  centreAbout,
  certainLoss,
  divergence,
  fitsExponential,
  isOffset,
  isOffsetEntropy,
  LARGEST_CHANGE,
  LOST,
  largestOf,
  lossChange,
  missingProbability,
  OFFSET,
  slopeAbout,
  softGradient,
  softLoss,
  softSlope,
} from './divergence.js';

/** What a sample is compared with: a class, or, with label -1, target values: soft labels that sum to 1 for softmax cross-entropy. */
export interface Target {
  readonly label: number;
  readonly values: Float64Array;
}

/** The target of one sample of a batch; labels or targets may be empty. */
export function targetOf(labels: Int32Array, targets: Float64Array, sample: number, outputs: number): Target {
  const label = labels.length > 0 ? labels[sample] : -1;
  return { label, values: targets.subarray(sample * outputs, (sample + 1) * outputs) };
}

/** A sample's number times its weight: exactly 0 at weight 0, whatever the number is. No weights at all are ones. */
export function weighted(weights: Float64Array, sample: number, x: number): number {
  if (weights.length === 0) return x;
  return weights[sample] === 0 ? 0 : weights[sample] * x;
}

/** The model's own distribution at one sample: p for softmax, the sigmoids for binary cross-entropy, z itself for squared error. */
export function prediction(loss: Loss, z: Float64Array): Float64Array {
  if (loss === 'softmaxCrossEntropy') return softmax(z);
  if (loss === 'binaryCrossEntropy') return z.map(sigmoid);
  return z.slice();
}

/** The diagonal part of H: p, sigmoid'(z), or 1. */
export function curvatureWeights(loss: Loss, z: Float64Array): Float64Array {
  if (loss === 'softmaxCrossEntropy') return softmax(z);
  if (loss === 'binaryCrossEntropy') return z.map(sigmoidDerivative);
  return z.map(() => 1);
}

/**
 * v less its mean under p for softmax, where H = diag(p) - p p^T; v itself for the diagonal Hessians. Where the mean is so large
 * that its rounding would be seen, an entry is subtracted first.
 */
export function centre(loss: Loss, weights: Float64Array, v: Float64Array): Float64Array {
  if (loss !== 'softmaxCrossEntropy') return v;
  const mean = treeDot(weights, v);
  const centred = v.map((x) => x - mean);
  return isOffset(bilinearForm(weights, centred, centred), mean) ? centreAbout(weights, v).centred : centred;
}

/** v^T H u for directions that are already centred: sum_c (h_c v_c) u_c by the fixed tree. */
export function bilinearForm(weights: Float64Array, v: Float64Array, u: Float64Array): number {
  return treeDot(
    weights.map((h, c) => h * v[c]),
    u,
  );
}

/** v^T H v at the logits z, centred first; no factor 1/2. */
export function outputForm(loss: Loss, weights: Float64Array, v: Float64Array): number {
  const centred = centre(loss, weights, v);
  return bilinearForm(weights, centred, centred);
}

/** Q(z). */
export function lossValue(loss: Loss, z: Float64Array, target: Target): number {
  if (loss === 'softmaxCrossEntropy') {
    if (target.label < 0) return softLoss(z, target.values);
    const largest = z.reduce((a, b) => Math.max(b, a));
    return certainLoss(z, target.label) ?? largest - z[target.label] + log(treeSum(z.map((x) => exp(x - largest))));
  }
  if (loss === 'binaryCrossEntropy') {
    return treeSum(z.map((x, c) => Math.max(x, 0) - target.values[c] * x + log1p(exp(-Math.abs(x)))));
  }
  const error = z.map((x, c) => x - target.values[c]);
  return 0.5 * treeDot(error, error);
}

/** dQ/dz. */
export function lossGradient(loss: Loss, z: Float64Array, target: Target): Float64Array {
  const p = prediction(loss, z);
  if (loss !== 'softmaxCrossEntropy') return residuals(loss, z, p, target.values);
  if (target.label < 0) return softGradient(p, target.values);
  p[target.label] = missingProbability(p, target.label);
  return p;
}

/** dQ/dz for the losses with target values: predicted less target. */
export function residuals(loss: Loss, z: Float64Array, predicted: Float64Array, targets: Float64Array): Float64Array {
  if (loss === 'squaredError') return predicted.map((x, c) => x - targets[c]);
  return predicted.map((p, c) => {
    const difference = p - targets[c];
    return Math.abs(difference) >= LOST * targets[c] ? difference : 1 - targets[c] - sigmoid(-z[c]);
  });
}

/** dQ/dz . v; for softmax cross-entropy this is p.v - v_y, which needs no gradient vector. */
export function slopeAlong(loss: Loss, z: Float64Array, predicted: Float64Array, v: Float64Array, target: Target): number {
  if (loss !== 'softmaxCrossEntropy') return treeDot(residuals(loss, z, predicted, target.values), v);
  const mean = treeDot(predicted, v);
  return target.label < 0 ? softSlope(predicted, v, target.values, mean) : labelSlope(predicted, v, target.label, mean);
}

/** p.v - v_label, given p.v. */
export function labelSlope(p: Float64Array, v: Float64Array, label: number, mean: number): number {
  const slope = mean - v[label];
  return Math.abs(slope) >= LOST * Math.abs(mean) ? slope : slopeAbout(p, v, label);
}

/**
 * KL(model at z || model at z + v), by a route that keeps small values: log1p(sum_c p_c r(v_c - p.v)), r(u) = e^u - 1 - u.
 * `moved` is z + v where the caller knows it better than that sum does.
 */
export function relativeEntropy(
  loss: Loss,
  z: Float64Array,
  predicted: Float64Array,
  v: Float64Array,
  moved: Float64Array | null = null,
): number {
  if (loss === 'softmaxCrossEntropy') return softmaxEntropy(z, predicted, v, moved);
  if (loss === 'binaryCrossEntropy') return treeSum(z.map((x, c) => bernoulliEntropy(x, v[c], moved === null ? x + v[c] : moved[c])));
  return 0.5 * treeDot(v, v);
}

/** Q(z + v) - Q(z): slope and relative entropy, or by the losses themselves where the two would cancel. */
export function ablation(
  loss: Loss,
  z: Float64Array,
  predicted: Float64Array,
  v: Float64Array,
  moved: Float64Array | null,
  target: Target,
): number {
  if (loss === 'squaredError' || (moved === null && keepsSlope(loss, predicted, v))) {
    return slopeAlong(loss, z, predicted, v, target) + relativeEntropy(loss, z, predicted, v, moved);
  }
  const after = moved ?? z.map((x, c) => x + v[c]);
  const change = loss === 'softmaxCrossEntropy' ? lossChange(predicted, z, v, moved, target) : null;
  return change ?? lossValue(loss, after, target) - lossValue(loss, z, target);
}

/** Whether no class changes so much that slope and relative entropy are two large numbers with a small sum. */
function keepsSlope(loss: Loss, p: Float64Array, v: Float64Array): boolean {
  const mean = loss === 'softmaxCrossEntropy' ? treeDot(p, v) : 0;
  return v.every((x) => Math.abs(x - mean) <= LARGEST_CHANGE);
}

function softmaxEntropy(z: Float64Array, p: Float64Array, v: Float64Array, moved: Float64Array | null): number {
  const mean = treeDot(p, v);
  const centred = v.map((x) => x - mean);
  if (moved === null && fitsExponential(p, largestOf(centred))) {
    const sum = treeDot(p, centred.map(expm1Remainder));
    if (!isOffsetEntropy(sum, mean, OFFSET)) return log1p(sum);
  }
  return divergence(p, z, v, moved, expm1Remainder).value;
}

/** The same for one Bernoulli variable with logit z: two classes with changes (1 - p) v and -p v. */
function bernoulliEntropy(z: number, v: number, moved: number): number {
  const p = sigmoid(z);
  const q = sigmoid(-z);
  const yes = q * v;
  const no = -(p * v);
  if (yes <= LARGEST_CHANGE && no <= LARGEST_CHANGE) return log1p(p * expm1Remainder(yes) + q * expm1Remainder(no));
  // seen from the likelier class, so that the smaller probability is the one that is multiplied
  return z > 0 ? largeBernoulliEntropy(-z, -v, -moved, q, p) : largeBernoulliEntropy(z, v, moved, p, q);
}

/** For z <= 0: p e^yes and q e^no by their logarithms. */
function largeBernoulliEntropy(z: number, v: number, moved: number, p: number, q: number): number {
  const yes = q * v;
  const no = -(p * v);
  const normaliser = softplus(z);
  const logYes = moved - normaliser - p * v;
  const logNo = -normaliser - p * v;
  const larger = Math.max(logYes, logNo);
  if (!(larger <= LARGEST_CHANGE)) return larger + log1p(exp(-Math.abs(logYes - logNo)));
  const gained = yes <= LARGEST_CHANGE ? p * expm1Remainder(yes) : exp(logYes) - p * (1 + yes);
  const lost = no <= LARGEST_CHANGE ? q * expm1Remainder(no) : exp(logNo) - q * (1 + no);
  return log1p(gained + lost);
}

function softplus(x: number): number {
  return Math.max(x, 0) + log1p(exp(-Math.abs(x)));
}

const REMAINDER_TERMS = Array.from({ length: 15 }, (_, k) => 1 / factorial(k + 2));

function factorial(k: number): number {
  return k < 2 ? 1 : k * factorial(k - 1);
}

/** r(u) = e^u - 1 - u: its own series below 1/2, where the difference would cancel. */
export function expm1Remainder(u: number): number {
  if (!(Math.abs(u) < 0.5)) return expm1(u) - u;
  let sum = REMAINDER_TERMS[REMAINDER_TERMS.length - 1];
  for (let k = REMAINDER_TERMS.length - 2; k >= 0; k--) sum = sum * u + REMAINDER_TERMS[k];
  return u * u * sum;
}

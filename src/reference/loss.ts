/**
 * The losses Q(z) at the end of a head: value, gradient, curvature and relative entropy, in plain TypeScript.
 *
 * | loss | Q | distribution of the model | H |
 * |---|---|---|---|
 * | softmaxCrossEntropy | lse(z) - z_y | p = softmax z | diag(p) - p p^T |
 * | binaryCrossEntropy | sum_c softplus(z_c) - t_c z_c | independent, p_c = sigmoid z_c | diag(p (1 - p)) |
 * | squaredError | 1/2 |z - t|^2 | normal with mean z and unit covariance | I |
 */
import { exp, expm1, log, log1p, logSumExp, sigmoid, sigmoidDerivative, softmax, treeDot, treeSum } from '../core/arithmetic/index.js';

/** Losses of a head; the position is the code that kernels receive. */
export const LOSSES = ['softmaxCrossEntropy', 'binaryCrossEntropy', 'squaredError'] as const;

/** One of {@link LOSSES}. */
export type Loss = (typeof LOSSES)[number];

/** What a sample is compared with: a class for softmax cross-entropy, target values for the others. */
export interface Target {
  readonly label: number;
  readonly values: Float64Array;
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

/** v less its mean under p for softmax, where H = diag(p) - p p^T; v itself for the diagonal Hessians. */
export function centre(loss: Loss, weights: Float64Array, v: Float64Array): Float64Array {
  if (loss !== 'softmaxCrossEntropy') return v;
  const mean = treeDot(weights, v);
  return v.map((x) => x - mean);
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
    const largest = z.reduce((a, b) => Math.max(b, a));
    return largest - z[target.label] + log(treeSum(z.map((x) => exp(x - largest))));
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
  if (loss === 'softmaxCrossEntropy') {
    p[target.label] -= 1;
    return p;
  }
  return p.map((x, c) => x - target.values[c]);
}

/** dQ/dz . v; for softmax cross-entropy this is p.v - v_y, which needs no gradient vector. */
export function slopeAlong(loss: Loss, predicted: Float64Array, v: Float64Array, target: Target): number {
  if (loss === 'softmaxCrossEntropy') return treeDot(predicted, v) - v[target.label];
  return treeDot(
    predicted.map((x, c) => x - target.values[c]),
    v,
  );
}

/** KL(model at z || model at z + v), by a route that keeps small values: log1p(sum_c p_c r(v_c - p.v)), r(u) = e^u - 1 - u. */
export function relativeEntropy(loss: Loss, z: Float64Array, predicted: Float64Array, v: Float64Array): number {
  if (loss === 'softmaxCrossEntropy') return softmaxEntropy(z, predicted, centre(loss, predicted, v));
  if (loss === 'binaryCrossEntropy') return treeSum(z.map((x, c) => bernoulliEntropy(x, v[c])));
  return 0.5 * treeDot(v, v);
}

/** Above this the exponential of a change would overflow, and the logarithms are added instead. */
const LARGEST_CHANGE = 700;

function softmaxEntropy(z: Float64Array, p: Float64Array, centred: Float64Array): number {
  const largest = centred.reduce((a, b) => Math.max(b, a));
  if (largest <= LARGEST_CHANGE) return log1p(treeDot(p, centred.map(expm1Remainder)));
  const normaliser = logSumExp(z);
  return logSumExp(z.map((x, c) => x - normaliser + centred[c]));
}

/** The same for one Bernoulli variable with logit z: two classes with changes (1 - p) v and -p v. */
function bernoulliEntropy(z: number, v: number): number {
  const p = sigmoid(z);
  const q = sigmoid(-z);
  const yes = q * v;
  const no = -(p * v);
  if (yes <= LARGEST_CHANGE && no <= LARGEST_CHANGE) return log1p(p * expm1Remainder(yes) + q * expm1Remainder(no));
  const without = z + v;
  return softplus(without) - softplus(z) - p * v;
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

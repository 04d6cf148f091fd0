/**
 * Linear heads over saved answers: loss and gradient of many problems that share one matrix of features.
 *
 * Problem k has its own parameters and sample weights w_k: L_k = sum over samples s of w_ks Q(P_k^T x_s + b_k), Q of src/reference/loss.ts.
 * Gradients are one chain of fused multiply-adds over the samples in order, as every matrix product; samples of weight 0 add nothing.
 */
import { fma } from '../core/arithmetic/index.js';
import { LOSSES } from '../core/closed-lists.js';
import { lossGradient, lossValue } from './loss.js';

/** Kernels of the family. */
export const stackingReference = {
  /**
   * losses [problems, samples], weighted; gradient [width + 1, problems * outputs], its last row that of the biases, or empty;
   * features [samples, width]; parameters like gradient; labels [samples] and targets [samples, outputs], the one that the loss does not
   * read empty; weights [problems, samples], at least 0.
   */
  stackingGradient(
    losses: Float64Array,
    gradient: Float64Array,
    features: Float64Array,
    parameters: Float64Array,
    labels: Int32Array,
    targets: Float64Array,
    weights: Float64Array,
    lossCode: number,
    samples: number,
    width: number,
    problems: number,
    outputs: number,
  ): void {
    const loss = LOSSES[lossCode];
    const columns = problems * outputs;
    const residuals = new Float64Array(columns);
    gradient.fill(0);
    for (let s = 0; s < samples; s++) {
      const x = features.subarray(s * width, (s + 1) * width);
      const target = { label: labels[s] ?? 0, values: targets.subarray(s * outputs, (s + 1) * outputs) };
      residuals.fill(0);
      for (let k = 0; k < problems; k++) {
        const weight = weights[k * samples + s];
        losses[k * samples + s] = 0;
        if (weight === 0) continue; // a sample that is held out costs nothing, whatever its logits
        const z = logits(x, parameters, columns, k * outputs, outputs);
        losses[k * samples + s] = weight * lossValue(loss, z, target);
        residuals.set(
          lossGradient(loss, z, target).map((r) => weight * r),
          k * outputs,
        );
      }
      if (gradient.length > 0) accumulate(gradient, x, residuals);
    }
    // a product that underflows to -0 must not show whether zeros of held-out samples came after it
    for (let at = 0; at < gradient.length; at++) gradient[at] += 0;
  },
};

/** b + P^T x of one problem, whose first column is `first`. */
function logits(x: Float64Array, parameters: Float64Array, columns: number, first: number, outputs: number): Float64Array {
  const z = new Float64Array(outputs);
  for (let c = 0; c < outputs; c++) {
    let sum = parameters[x.length * columns + first + c];
    for (let d = 0; d < x.length; d++) sum = fma(x[d], parameters[d * columns + first + c], sum);
    z[c] = sum;
  }
  return z;
}

/** One more sample at the end of every chain; the last row, for the biases, reads a feature that is always 1. */
function accumulate(gradient: Float64Array, x: Float64Array, residuals: Float64Array): void {
  const columns = residuals.length;
  for (let d = 0; d <= x.length; d++) {
    for (let c = 0; c < columns; c++) {
      const at = d * columns + c;
      gradient[at] = d < x.length ? fma(x[d], residuals[c], gradient[at]) : gradient[at] + residuals[c];
    }
  }
}

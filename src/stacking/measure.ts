/** Removal of each model from a pool, sample by sample, summed over the units that are resampled later. */
import type { Backend } from '../backend/index.js';
import { peerGram, removalScores } from '../curvature.js';
import { type Contributions, rowsAtOnce } from './contributions.js';
import type { Design } from './design.js';
import type { Units } from './resample.js';

/** Sums of removal scores; models in the order of the pool. */
export interface Measured {
  /** [units, models]: weighted sums of the exact change of the loss. */
  readonly ablation: Float64Array;
  /** [models], means over the samples. */
  readonly gaussNewton: Float64Array;
  /** [models]: share of the first-order term that the quadratic measure leaves out. */
  readonly linearShare: Float64Array;
  /** [classes, models]: mean ablation over the samples of a class; empty without classes. */
  readonly byClass: Float64Array;
  /** [models, models]: mean Gram matrix; its row sums are the Shapley values of the quadratic game. */
  readonly gram: Float64Array;
}

/** Measures every model of a pool. `onRows` is called with the number of rows done, and may throw to stop. */
export function measure(
  backend: Backend,
  design: Design,
  contributions: Contributions,
  units: Units,
  onRows?: (done: number) => void,
): Measured {
  const { outputs, starts, weights, labels } = design;
  const models = starts.length - 1;
  const classes = design.loss === 'softmaxCrossEntropy' ? outputs : 0;
  const ablation = new Float64Array(units.count * models);
  const linear = new Float64Array(models);
  const byClass = new Float64Array(classes * models);
  const classMass = new Float64Array(classes);
  const gram = new Float64Array(models * models);
  let mass = 0;
  for (const [first, count] of pieces(contributions.parts, rowsAtOnce(models, outputs))) {
    const batch = { ...contributions.batch(first, count), loss: design.loss, backend };
    const { peers } = batch;
    const targets = targetsOf(design, first, count);
    const scored = removalScores({ ...batch, ...targets, reduction: 'none', estimator: 'firstOrder', compareAblation: true });
    const exact = scored.ablation?.scores ?? new Float64Array(0);
    for (let r = 0; r < count; r++) {
      const row = first + r;
      const weight = weights[row];
      mass += weight;
      if (classes > 0) classMass[labels[row]] += weight;
      for (let i = 0; i < models; i++) {
        const at = r * peers + i;
        ablation[units.of[row] * models + i] += weight * exact[at];
        linear[i] += weight * scored.scores[at];
        if (classes > 0) byClass[labels[row] * models + i] += weight * exact[at];
      }
    }
    const own = peerGram({ ...batch, sampleWeights: weights.subarray(first, first + count) }).gram;
    for (let i = 0; i < models; i++) for (let j = 0; j < models; j++) gram[i * models + j] += own[i * peers + j];
    onRows?.(first + count);
  }
  for (let k = 0; k < byClass.length; k++) byClass[k] /= classMass[Math.floor(k / models)] || 1;
  const quadratic = linear.map((_, i) => gram[i * models + i]);
  return {
    ablation,
    gaussNewton: quadratic.map((q) => q / mass),
    linearShare: linear.map((value, i) => shareOf(Math.abs(value), quadratic[i] / 2)),
    byClass,
    gram: gram.map((g) => g / mass),
  };
}

function shareOf(first: number, second: number): number {
  return first + second > 0 ? first / (first + second) : 0;
}

export function targetsOf(design: Design, first: number, count: number) {
  const { outputs, labels, targets } = design;
  if (design.loss === 'softmaxCrossEntropy') return { labels: labels.subarray(first, first + count) };
  return { targets: targets.subarray(first * outputs, (first + count) * outputs) };
}

/** [first, count] of pieces of at most `step` rows that do not cross the end of a part. */
export function* pieces(parts: Int32Array, step: number): Generator<[number, number]> {
  for (let part = 0; part + 1 < parts.length; part++) {
    for (let first = parts[part]; first < parts[part + 1]; first += step) yield [first, Math.min(step, parts[part + 1] - first)];
  }
}

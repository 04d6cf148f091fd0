/** The features of every model side by side, sorted by fold, centred, and scaled model by model: what heads are fitted to. */
import type { Kernels } from '../backend/index.js';
import type { Loss } from '../core/closed-lists.js';
import { featuresOf } from './answers.js';
import type { CheckedPool } from './pool.js';

/** A pool laid out for fitting. Rows are sorted by fold; `order` gives the caller's sample of each row. */
export interface Design {
  readonly samples: number;
  readonly width: number;
  readonly outputs: number;
  readonly loss: Loss;
  /** [samples, width]; 0 where a model did not answer, which is its mean. */
  readonly features: Float64Array;
  /** [models + 1]: columns of model i are starts[i] .. starts[i + 1] - 1. */
  readonly starts: Int32Array;
  /** [samples, models], 1 where there is no answer; null where all answered. */
  readonly absent: Uint8Array | null;
  readonly labels: Int32Array;
  readonly targets: Float64Array;
  /** [samples], with mean 1. */
  readonly weights: Float64Array;
  readonly order: Int32Array;
  /** [folds + 1]: rows of fold f are foldStarts[f] .. foldStarts[f + 1] - 1. */
  readonly foldStarts: Int32Array;
  /** What was subtracted from each column, and what each model's columns were divided by: x = (feature - mean) / scale. */
  readonly means: Float64Array;
  readonly scales: Float64Array;
}

/** Lays out a checked pool whose samples were dealt to `folds` folds. */
export function buildDesign(kernels: Kernels, pool: CheckedPool, fold: Int32Array, folds: number): Design {
  const { samples, outputs, loss } = pool;
  const { order, foldStarts } = sortByFold(fold, folds);
  const starts = new Int32Array(pool.models.length + 1);
  pool.models.forEach((model, i) => {
    starts[i + 1] = starts[i] + model.width;
  });
  const width = starts[pool.models.length];
  const weights = weightsOf(pool, order);
  const features = new Float64Array(samples * width);
  const absent = pool.models.some(({ answered }) => answered !== null) ? new Uint8Array(samples * pool.models.length) : null;
  const means = new Float64Array(width);
  const scales = new Float64Array(pool.models.length);
  pool.models.forEach((model, i) => {
    const { answered } = model;
    featuresOf(kernels, model, loss, order, (rows, first, count) => {
      for (let r = 0; r < count; r++) {
        for (let c = 0; c < model.width; c++) features[(first + r) * width + starts[i] + c] = rows[r * model.width + c];
        if (absent !== null && answered !== null && answered[order[first + r]] === 0) absent[(first + r) * pool.models.length + i] = 1;
      }
    });
    const present = answered === null ? null : (row: number) => answered[order[row]] === 1;
    scales[i] = standardise(features, width, starts[i], starts[i + 1], weights, present, means);
  });
  const labels = order.map((sample) => pool.labels[sample]);
  const targets = new Float64Array(pool.targets.length);
  if (targets.length > 0) {
    order.forEach((sample, row) => {
      targets.set(pool.targets.subarray(sample * outputs, (sample + 1) * outputs), row * outputs);
    });
  }
  return { samples, width, outputs, loss, features, starts, absent, labels, targets, weights, order, foldStarts, means, scales };
}

/** Every `stride`-th row of each fold: enough to choose an L2 by, in very large pools. */
export function thinned(design: Design, stride: number): Design {
  const { foldStarts } = design;
  const rows: number[] = [];
  const ends = [0];
  for (let fold = 0; fold + 1 < foldStarts.length; fold++) {
    for (let row = foldStarts[fold]; row < foldStarts[fold + 1]; row += stride) rows.push(row);
    ends.push(rows.length);
  }
  return pickRows(design, rows, ends);
}

/** Some rows of a design, in their order; fold f of them begins at foldStarts[f]. */
export function pickRows(design: Design, rows: readonly number[], foldStarts: readonly number[]): Design {
  const { width, outputs, starts, absent } = design;
  const models = starts.length - 1;
  const pick = <T extends Float64Array | Uint8Array>(from: T, columns: number, to: T): T => {
    rows.forEach((row, r) => {
      to.set(from.subarray(row * columns, (row + 1) * columns), r * columns);
    });
    return to;
  };
  const { features, targets, weights, labels, order } = design;
  return {
    ...design,
    samples: rows.length,
    features: pick(features, width, new Float64Array(rows.length * width)),
    absent: absent === null ? null : pick(absent, models, new Uint8Array(rows.length * models)),
    targets: targets.length === 0 ? targets : pick(targets, outputs, new Float64Array(rows.length * outputs)),
    weights: Float64Array.from(rows, (row) => weights[row]),
    labels: Int32Array.from(rows, (row) => labels[row]),
    order: Int32Array.from(rows, (row) => order[row]),
    foldStarts: Int32Array.from(foldStarts),
  };
}

function sortByFold(fold: Int32Array, folds: number): { order: Int32Array; foldStarts: Int32Array } {
  const foldStarts = new Int32Array(folds + 1);
  for (const f of fold) foldStarts[f + 1] += 1;
  for (let f = 0; f < folds; f++) foldStarts[f + 1] += foldStarts[f];
  const next = foldStarts.slice();
  const order = new Int32Array(fold.length);
  fold.forEach((f, sample) => {
    order[next[f]] = sample;
    next[f] += 1;
  });
  return { order, foldStarts };
}

function weightsOf(pool: CheckedPool, order: Int32Array): Float64Array {
  const { weights } = pool;
  if (weights === undefined) return new Float64Array(order.length).fill(1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Float64Array.from(order, (sample) => (weights[sample] * order.length) / total);
}

/** Centres columns [from, to) and divides them by their common root mean square; absent rows become 0. Returns the divisor. */
function standardise(
  features: Float64Array,
  width: number,
  from: number,
  to: number,
  weights: Float64Array,
  present: ((row: number) => boolean) | null,
  means: Float64Array,
): number {
  const used = (row: number): number => (present === null || present(row) ? weights[row] : 0);
  let mass = 0;
  for (let row = 0; row < weights.length; row++) {
    const weight = used(row);
    mass += weight;
    for (let c = from; c < to; c++) means[c] += weight * features[row * width + c];
  }
  for (let c = from; c < to; c++) means[c] = mass > 0 ? means[c] / mass : 0;
  let square = 0;
  for (let row = 0; row < weights.length; row++) {
    const weight = used(row);
    for (let c = from; c < to; c++) square += weight * (features[row * width + c] - means[c]) ** 2;
  }
  const deviation = Math.sqrt(square / (mass * (to - from)));
  const scale = deviation > 1e-12 ? deviation : 1; // a constant answer: nothing to scale
  for (let row = 0; row < weights.length; row++) {
    const kept = present === null || present(row);
    for (let c = from; c < to; c++) {
      const at = row * width + c;
      features[at] = kept ? (features[at] - means[c]) / scale : 0;
    }
  }
  return scale;
}

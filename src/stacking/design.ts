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
  const absent = absentIn(pool, order);
  const features = layOut(kernels, pool, order, starts);
  const { means, scales } = standardise(features, weights, starts, absent);
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

/** [samples, models], 1 where there is no answer; null where all answered. */
function absentIn({ models, samples }: CheckedPool, order: Int32Array): Uint8Array | null {
  if (models.every(({ answered }) => answered === null)) return null;
  const absent = new Uint8Array(samples * models.length);
  models.forEach(({ answered }, i) => {
    if (answered !== null) for (let row = 0; row < samples; row++) absent[row * models.length + i] = 1 - answered[order[row]];
  });
  return absent;
}

/** Numbers of a block of rows that stay in cache while every model fills in its columns. */
const BLOCK = 2 ** 18;

/** [samples, width]: the features of every model side by side, in the order of the rows. */
function layOut(kernels: Kernels, pool: CheckedPool, order: Int32Array, starts: Int32Array): Float64Array {
  const { models, samples, loss } = pool;
  const width = starts[models.length];
  const features = new Float64Array(samples * width);
  const step = Math.max(64, Math.floor(BLOCK / width));
  for (let first = 0; first < samples; first += step) {
    const rows = order.subarray(first, first + step);
    models.forEach((model, i) => {
      const own = featuresOf(kernels, model, loss, rows);
      const w = model.width;
      for (let r = 0; r < rows.length; r++) {
        const to = (first + r) * width + starts[i];
        for (let c = 0; c < w; c++) features[to + c] = own[r * w + c];
      }
    });
  }
  return features;
}

/** Centres every column and divides those of a model by their common root mean square; absent rows become 0. */
function standardise(
  features: Float64Array,
  weights: Float64Array,
  starts: Int32Array,
  absent: Uint8Array | null,
): { means: Float64Array; scales: Float64Array } {
  const models = starts.length - 1;
  const width = starts[models];
  const means = new Float64Array(width);
  const mass = new Float64Array(models);
  const squares = new Float64Array(models);
  /** Visits the columns of every model in every row, `from` the place of the first in the features. */
  const each = (visit: (i: number, row: number, from: number, present: boolean) => void): void => {
    for (let row = 0; row < weights.length; row++) {
      for (let i = 0; i < models; i++) visit(i, row, row * width + starts[i], absent === null || absent[row * models + i] === 0);
    }
  };
  each((i, row, from, present) => {
    if (!present) return;
    mass[i] += weights[row];
    for (let c = starts[i]; c < starts[i + 1]; c++) means[c] += weights[row] * features[from + c - starts[i]];
  });
  for (let i = 0; i < models; i++) for (let c = starts[i]; c < starts[i + 1]; c++) means[c] = mass[i] > 0 ? means[c] / mass[i] : 0;
  each((i, row, from, present) => {
    if (!present) return;
    for (let c = starts[i]; c < starts[i + 1]; c++) squares[i] += weights[row] * (features[from + c - starts[i]] - means[c]) ** 2;
  });
  const scales = squares.map((square, i) => {
    const deviation = Math.sqrt(square / (mass[i] * (starts[i + 1] - starts[i])));
    return deviation > 1e-12 ? deviation : 1; // a constant answer: nothing to scale
  });
  each((i, _, from, present) => {
    for (let c = starts[i]; c < starts[i + 1]; c++) {
      const at = from + c - starts[i];
      features[at] = present ? (features[at] - means[c]) / scales[i] : 0;
    }
  });
  return { means, scales };
}

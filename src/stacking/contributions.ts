/** What each model adds to the logits of a pool, sample by sample: the difference that its absence makes. */
import type { Kernels } from '../backend/index.js';
import { heldOutLogits } from './cross-fit.js';
import type { Design } from './design.js';

/** Rows of a design in terms of the models: z = rest + sum_i u_i, and without model i the logits are z - u_i. */
export interface Contributions {
  /** [samples, outputs] */
  readonly logits: Float64Array;
  /** u of rows [first, first + count), one [count, models + 1, outputs] with the rest as the last entry of each row. */
  rows(first: number, count: number): Float64Array;
  /** Rows may be asked for in pieces that lie inside one of these ranges: [parts + 1]. */
  readonly parts: Int32Array;
}

/** What stands in for an absent model under a fitted head. */
export type Baseline = 'mean' | 'zero';

/**
 * Of fitted heads: u_i = W_i (x_i - m_i), m_i the model's mean answer over the training folds, or an answer of zeros.
 * A sample that the model did not answer has u_i = 0: there is nothing to remove.
 *
 * @param baseline - Also the answers themselves, one [width] a head.
 */
export function fittedContributions(
  kernels: Kernels,
  design: Design,
  parameters: readonly Float64Array[],
  baseline: Baseline | readonly Float64Array[],
): Contributions {
  const { width, outputs, starts, features, foldStarts, absent } = design;
  const models = starts.length - 1;
  const logits = heldOutLogits(kernels, design, parameters);
  const means = typeof baseline === 'string' ? baselineAnswers(design, baseline) : baseline;
  const none = new Float64Array(0);
  const rows = (first: number, count: number): Float64Array => {
    const fold = foldStarts.findIndex((end, f) => f > 0 && first < end) - 1;
    const out = new Float64Array(count * (models + 1) * outputs);
    for (let i = 0; i < models; i++) {
      const w = starts[i + 1] - starts[i];
      const own = new Float64Array(count * w);
      for (let r = 0; r < count; r++) {
        if (absent !== null && absent[(first + r) * models + i] === 1) continue;
        const from = (first + r) * width + starts[i];
        for (let c = 0; c < w; c++) own[r * w + c] = features[from + c] - means[fold][starts[i] + c];
      }
      const added = new Float64Array(count * outputs);
      const weights = parameters[fold].subarray(starts[i] * outputs, starts[i + 1] * outputs);
      kernels.matMul(added, own, weights, none, count, w, outputs, false, false);
      place(out, added, i, models + 1, outputs);
    }
    addRest(out, logits.subarray(first * outputs, (first + count) * outputs), models, outputs);
    return out;
  };
  return { logits, rows, parts: foldStarts };
}

/** What stands in for absent models, one [width] a fold. */
export function baselineAnswers(design: Design, baseline: Baseline): Float64Array[] {
  const folds = Array.from({ length: design.foldStarts.length - 1 }, (_, fold) => fold);
  return folds.map((fold) => (baseline === 'mean' ? trainingMeans(design, fold) : zeroAnswers(design)));
}

/** Weighted mean of each column over the rows that are not in the fold and were answered. */
export function trainingMeans(design: Design, fold: number): Float64Array {
  const { samples, width, features, weights, foldStarts, starts, absent } = design;
  const models = starts.length - 1;
  const means = new Float64Array(width);
  const mass = new Float64Array(models);
  for (let row = 0; row < samples; row++) {
    if (row === foldStarts[fold]) row = foldStarts[fold + 1];
    if (row >= samples) break;
    for (let i = 0; i < models; i++) {
      if (absent !== null && absent[row * models + i] === 1) continue;
      mass[i] += weights[row];
      for (let c = starts[i]; c < starts[i + 1]; c++) means[c] += weights[row] * features[row * width + c];
    }
  }
  for (let i = 0; i < models; i++) for (let c = starts[i]; c < starts[i + 1]; c++) means[c] = mass[i] > 0 ? means[c] / mass[i] : 0;
  return means;
}

/** An answer of zeros, in the units of the design. */
function zeroAnswers({ means, scales, starts }: Design): Float64Array {
  const out = new Float64Array(means.length);
  for (let i = 0; i + 1 < starts.length; i++) for (let c = starts[i]; c < starts[i + 1]; c++) out[c] = -means[c] / scales[i];
  return out;
}

/**
 * Of a head without parameters. 'vote': the mean of the models' probabilities (of their values for squared error); 'logPool': the mean of
 * their logits. A model that is absent, or removed, leaves the mean of the others; without any the answer is uniform.
 */
export function pooledContributions(kernels: Kernels, design: Design, preset: 'vote' | 'logPool'): Contributions {
  const { samples, outputs, starts } = design;
  const models = starts.length - 1;
  const votes = preset === 'vote' && design.loss !== 'squaredError';
  const pooled = (first: number, count: number): Float64Array => {
    const answers = answersOf(kernels, design, first, count, votes);
    const sums = new Float64Array(count * outputs);
    const answered = new Float64Array(count);
    for (let r = 0; r < count; r++) {
      for (let i = 0; i < models; i++) {
        if (design.absent !== null && design.absent[(first + r) * models + i] === 1) continue;
        answered[r] += 1;
        for (let c = 0; c < outputs; c++) sums[r * outputs + c] += answers[(r * models + i) * outputs + c];
      }
    }
    const z = poolOf(kernels, sums, answered, outputs, design.loss === 'binaryCrossEntropy', votes);
    const out = new Float64Array(count * (models + 1) * outputs);
    for (let i = 0; i < models; i++) {
      const present = (r: number) => design.absent === null || design.absent[(first + r) * models + i] === 0;
      const left = sums.map((sum, k) => {
        const r = Math.floor(k / outputs);
        return present(r) ? Math.max(sum - answers[(r * models + i) * outputs + (k % outputs)], votes ? 0 : Number.NEGATIVE_INFINITY) : sum;
      });
      const others = answered.map((count_, r) => (present(r) ? count_ - 1 : count_));
      const without = poolOf(kernels, left, others, outputs, design.loss === 'binaryCrossEntropy', votes);
      place(
        out,
        without.map((value, k) => z[k] - value),
        i,
        models + 1,
        outputs,
      );
    }
    addRest(out, z, models, outputs);
    return out;
  };
  const every = Array.from({ length: models }, (_, i) => i);
  return { logits: pooledLogits(kernels, design, preset, every), rows: pooled, parts: Int32Array.of(0, samples) };
}

/** Logits of a head without parameters over some of the models. */
export function pooledLogits(kernels: Kernels, design: Design, preset: 'vote' | 'logPool', kept: readonly number[]): Float64Array {
  const { samples, outputs, starts, absent } = design;
  const models = starts.length - 1;
  const votes = preset === 'vote' && design.loss !== 'squaredError';
  const logits = new Float64Array(samples * outputs);
  const step = rowsAtOnce(models, outputs);
  for (let first = 0; first < samples; first += step) {
    const count = Math.min(step, samples - first);
    const answers = answersOf(kernels, design, first, count, votes);
    const sums = new Float64Array(count * outputs);
    const answered = new Float64Array(count);
    for (let r = 0; r < count; r++) {
      for (const i of kept) {
        if (absent !== null && absent[(first + r) * models + i] === 1) continue;
        answered[r] += 1;
        for (let c = 0; c < outputs; c++) sums[r * outputs + c] += answers[(r * models + i) * outputs + c];
      }
    }
    logits.set(poolOf(kernels, sums, answered, outputs, design.loss === 'binaryCrossEntropy', votes), first * outputs);
  }
  return logits;
}

/** Rows that are worth holding at once. */
export function rowsAtOnce(models: number, outputs: number): number {
  return Math.max(16, Math.min(4096, Math.floor(2 ** 20 / ((models + 1) * outputs))));
}

/** [count, models, outputs]: logits as the models gave them, or their probabilities. */
function answersOf(kernels: Kernels, design: Design, first: number, count: number, votes: boolean): Float64Array {
  const { outputs, width, features, means, scales, starts } = design;
  const models = starts.length - 1;
  const out = new Float64Array(count * models * outputs);
  for (let r = 0; r < count; r++) {
    for (let i = 0; i < models; i++) {
      for (let c = 0; c < outputs; c++) {
        const column = starts[i] + c;
        out[(r * models + i) * outputs + c] = features[(first + r) * width + column] * scales[i] + means[column];
      }
    }
  }
  if (!votes) return out;
  const p = new Float64Array(out.length);
  if (design.loss === 'binaryCrossEntropy') kernels.sigmoid(p, out);
  else kernels.exp(p, out);
  return p;
}

/** Logits of the mean of `counts` answers whose sums are given. */
function poolOf(
  kernels: Kernels,
  sums: Float64Array,
  counts: Float64Array,
  outputs: number,
  binary: boolean,
  votes: boolean,
): Float64Array {
  const mean = sums.map((sum, k) => {
    const count = counts[Math.floor(k / outputs)];
    if (count === 0) return votes ? (binary ? 0.5 : 1 / outputs) : 0;
    return sum / count;
  });
  if (!votes) return mean;
  const tiny = 1e-12;
  const yes = new Float64Array(mean.length);
  kernels.log(
    yes,
    mean.map((p) => Math.max(p, tiny)),
  );
  if (!binary) return yes;
  const no = new Float64Array(mean.length);
  kernels.log(
    no,
    mean.map((p) => Math.max(1 - p, tiny)),
  );
  return yes.map((log, k) => log - no[k]);
}

/** Writes [count, outputs] into entry `at` of each row of `entries`. */
function place(out: Float64Array, values: Float64Array, at: number, entries: number, outputs: number): void {
  for (let k = 0; k < values.length; k++) {
    const row = Math.floor(k / outputs);
    out[(row * entries + at) * outputs + (k % outputs)] = values[k];
  }
}

/** The last entry of each row: what is left of the logits when every contribution is taken away. */
function addRest(out: Float64Array, logits: Float64Array, models: number, outputs: number): void {
  for (let k = 0; k < logits.length; k++) {
    const row = Math.floor(k / outputs) * (models + 1) * outputs;
    const c = k % outputs;
    let sum = 0;
    for (let i = 0; i < models; i++) sum += out[row + i * outputs + c];
    out[row + models * outputs + c] = logits[k] - sum;
  }
}

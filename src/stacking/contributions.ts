/** What each model adds to the logits of a pool, sample by sample: the difference that its absence makes. */
import type { Kernels } from '../backend/index.js';
import type { HeadOptions } from '../head-batch.js';
import { heldOutLogits } from './cross-fit.js';
import type { Design } from './design.js';

/** Rows of a design as a head over peers, the models first: without model i the logits are z - u_i. */
export type PoolBatch = Pick<HeadOptions, 'head' | 'responses' | 'batch' | 'peers' | 'width' | 'widths' | 'baseline'>;

/** What the models add to the logits of a design. */
export interface Contributions {
  /** [samples, outputs] */
  readonly logits: Float64Array;
  /** Rows [first, first + count). */
  batch(first: number, count: number): PoolBatch;
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
 * @param logits - Of the heads, where they are known.
 */
export function fittedContributions(
  kernels: Kernels,
  design: Design,
  parameters: readonly Float64Array[],
  baseline: Baseline | readonly Float64Array[],
  logits = heldOutLogits(kernels, design, parameters),
): Contributions {
  const { width, starts, features, foldStarts } = design;
  const peers = starts.length - 1;
  const means = typeof baseline === 'string' ? baselineAnswers(design, baseline) : baseline;
  const foldOf = (row: number): number => foldStarts.findIndex((end, f) => f > 0 && row < end) - 1;
  const widths = Int32Array.from({ length: peers }, (_, i) => starts[i + 1] - starts[i]);
  const heads = parameters.map((head) => asHead(head, design));
  const batch = (first: number, count: number): PoolBatch => {
    const fold = foldOf(first);
    if (design.absent !== null) return passing(answeredRows(kernels, design, parameters[fold], means[fold], logits, first, count), design);
    const responses = features.subarray(first * width, (first + count) * width);
    return { head: heads[fold], responses, batch: count, peers, widths, baseline: means[fold] };
  };
  return { logits, batch, parts: foldStarts };
}

/** A fitted head [width + 1, outputs] as a layer, whose weights are [outputs, width]. */
function asHead(parameters: Float64Array, { width, outputs }: Design): PoolBatch['head'] {
  const weights = new Float64Array(outputs * width);
  for (let d = 0; d < width; d++) for (let c = 0; c < outputs; c++) weights[c * width + d] = parameters[d * outputs + c];
  return { layers: [{ weights, bias: parameters.slice(width * outputs), activation: 'identity' }] };
}

/** u of rows where some models gave no answer: [count, models + 1, outputs], the rest of the logits last. */
function answeredRows(
  kernels: Kernels,
  design: Design,
  parameters: Float64Array,
  means: Float64Array,
  logits: Float64Array,
  first: number,
  count: number,
): Float64Array {
  const { width, outputs, starts, features, absent } = design;
  const models = starts.length - 1;
  const out = new Float64Array(count * (models + 1) * outputs);
  for (let i = 0; i < models; i++) {
    const w = starts[i + 1] - starts[i];
    const own = new Float64Array(count * w);
    for (let r = 0; r < count; r++) {
      if (absent !== null && absent[(first + r) * models + i] === 1) continue;
      const from = (first + r) * width + starts[i];
      for (let c = 0; c < w; c++) own[r * w + c] = features[from + c] - means[starts[i] + c];
    }
    const added = new Float64Array(count * outputs);
    const weights = parameters.subarray(starts[i] * outputs, starts[i + 1] * outputs);
    kernels.matMul(added, own, weights, new Float64Array(0), count, w, outputs, false, false);
    place(out, added, i, models + 1, outputs);
  }
  addRest(out, logits.subarray(first * outputs, (first + count) * outputs), models, outputs);
  return out;
}

/** Contributions as the responses of peers to a head that adds them up. */
function passing(responses: Float64Array, { outputs, starts }: Design): PoolBatch {
  const peers = starts.length; // the models and the rest
  const weights = new Float64Array(outputs * peers * outputs);
  for (let c = 0; c < outputs; c++) for (let i = 0; i < peers; i++) weights[c * peers * outputs + i * outputs + c] = 1;
  const head = { layers: [{ weights, bias: new Float64Array(outputs), activation: 'identity' as const }] };
  return { head, responses, batch: responses.length / (peers * outputs), peers, width: outputs };
}

/** What stands in for absent models, one [width] a fold: the weighted means over the rows of the other folds that were answered, or zeros. */
export function baselineAnswers(design: Design, baseline: Baseline): Float64Array[] {
  const folds = design.foldStarts.length - 1;
  if (baseline === 'zero') return Array.from({ length: folds }, () => zeroAnswers(design));
  const { width, starts } = design;
  const sums = Array.from({ length: folds }, (_, fold) => foldSums(design, fold));
  return sums.map((_, fold) => {
    const others = sums.filter((__, k) => k !== fold);
    const means = new Float64Array(width);
    for (let i = 0; i + 1 < starts.length; i++) {
      const mass = others.reduce((total, part) => total + part.mass[i], 0);
      for (let c = starts[i]; c < starts[i + 1]; c++) {
        means[c] = mass > 0 ? others.reduce((total, part) => total + part.sums[c], 0) / mass : 0;
      }
    }
    return means;
  });
}

/** Weighted sums of the columns over the rows of a fold, and the weight that answered of each model. Features without an answer are 0. */
function foldSums(design: Design, fold: number): { sums: Float64Array; mass: Float64Array } {
  const { width, features, weights, foldStarts, starts, absent } = design;
  const models = starts.length - 1;
  const sums = new Float64Array(width);
  const mass = new Float64Array(models);
  for (let row = foldStarts[fold]; row < foldStarts[fold + 1]; row++) {
    const weight = weights[row];
    for (let i = 0; i < models; i++) if (absent === null || absent[row * models + i] === 0) mass[i] += weight;
    for (let c = 0; c < width; c++) sums[c] += weight * features[row * width + c];
  }
  return { sums, mass };
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
  return {
    logits: pooledLogits(kernels, design, preset, every),
    batch: (first, count) => passing(pooled(first, count), design),
    parts: Int32Array.of(0, samples),
  };
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

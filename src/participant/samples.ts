/** A participant's own data: inputs, and what its loss compares with. Data set and loss are the participant's; peers never see more than inputs. */

import { InputError } from '../core/errors.js';
import type { Shard } from '../data/shards.js';
import { distillationLoss } from '../distillation.js';
import type { Loss } from '../head.js';

/** What is known about samples, and the loss that uses it; it spreads into the options of the measure. */
export type Targets =
  | { readonly loss: 'softmaxCrossEntropy'; readonly labels: Int32Array }
  /** Targets `[samples, outputs]`. */
  | { readonly loss: Exclude<Loss, 'softmaxCrossEntropy'>; readonly targets: Float64Array };

/** Samples of one owner, whole or a batch of them. */
export interface Samples {
  readonly size: number;
  /** `[size, inputWidth]` */
  readonly inputs: Float32Array;
  readonly targets: Targets;
}

/** Mean loss in the unit of the loss (nats for the cross-entropies), and the share of samples classified right; null where there are no classes. */
export interface Scored {
  readonly loss: number;
  readonly accuracy: number | null;
}

/** Labelled samples of a data set. */
export function samplesOf({ samples, inputs, labels }: Shard): Samples {
  return { size: samples, inputs, targets: { loss: 'softmaxCrossEntropy', labels } };
}

/** The classes of samples that have classes. @throws InputError BTM_DOMAIN for others */
export function labelsOf({ targets }: Samples): Int32Array {
  if (targets.loss === 'softmaxCrossEntropy') return targets.labels;
  throw new InputError('BTM_DOMAIN', 'must have classes', { argument: 'samples', value: targets.loss });
}

/** Numbers per sample. */
export function inputWidthOf({ size, inputs }: Samples): number {
  return inputs.length / size;
}

/** Some of the samples, in the order of `rows`. */
export function pickSamples({ size, inputs, targets }: Samples, rows: ArrayLike<number>): Samples {
  return { size: rows.length, inputs: pickRows(inputs, size, rows), targets: pickTargets(targets, size, rows) };
}

/** What is known about some of `size` samples. */
export function pickTargets(targets: Targets, size: number, rows: ArrayLike<number>): Targets {
  if (targets.loss === 'softmaxCrossEntropy') return { ...targets, labels: pickRows(targets.labels, size, rows) };
  return { ...targets, targets: pickRows(targets.targets, size, rows) };
}

/** The first samples. */
export function firstSamples(samples: Samples, limit: number): Samples {
  if (limit >= samples.size) return samples;
  return pickSamples(
    samples,
    Array.from({ length: limit }, (_, row) => row),
  );
}

/** Rows of `[size, ...]` values, copied in the order asked for. */
export function pickRows<T extends Float32Array | Float64Array | Int32Array>(values: T, size: number, rows: ArrayLike<number>): T {
  const width = values.length / size;
  const picked = new (values.constructor as new (length: number) => T)(rows.length * width);
  for (let at = 0; at < rows.length; at++) picked.set(values.subarray(rows[at] * width, (rows[at] + 1) * width), at * width);
  return picked;
}

/** Scores a head's outputs `[size, outputs]` against the targets. */
export function score(outputs: Float64Array, { size, targets }: Pick<Samples, 'size' | 'targets'>): Scored {
  if (targets.loss !== 'softmaxCrossEntropy') return { loss: targetLoss(outputs, targets.targets, targets.loss) / size, accuracy: null };
  return scoreClasses(outputs, targets.labels);
}

/** A {@link Scored} of samples with classes. */
export interface ClassScore {
  /** Nats. */
  readonly loss: number;
  readonly accuracy: number;
}

/** Scores class logits `[size, classes]` against labels `[size]`. */
export function scoreClasses(outputs: Float64Array, labels: Int32Array): ClassScore {
  const size = labels.length;
  // with alpha = 0 the distillation loss is the cross-entropy with the labels
  const options = { teacher: outputs, student: outputs, temperature: 1, kind: 'forwardKl', alpha: 0, labels } as const;
  const { loss } = distillationLoss({ ...options, batch: size, outputs: outputs.length / size });
  return { loss, accuracy: rightShare(outputs, labels) };
}

/** Share of rows whose first largest output is the label's. */
function rightShare(outputs: Float64Array, labels: Int32Array): number {
  const width = outputs.length / labels.length;
  let right = 0;
  labels.forEach((label, row) => {
    let best = 0;
    for (let c = 1; c < width; c++) if (outputs[row * width + c] > outputs[row * width + best]) best = c;
    if (best === label) right++;
  });
  return right / labels.length;
}

/** Summed over samples and outputs; for people to read, so the platform's own exp and log will do. */
function targetLoss(outputs: Float64Array, targets: Float64Array, loss: 'squaredError' | 'binaryCrossEntropy'): number {
  return outputs.reduce((total, z, at) => {
    const target = targets[at];
    if (loss === 'squaredError') return total + 0.5 * (z - target) ** 2;
    return total + Math.max(z, 0) - z * target + Math.log1p(Math.exp(-Math.abs(z)));
  }, 0);
}

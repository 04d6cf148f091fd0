/** What samples of a head's loss are compared with, and the weight of each: labels, target values, soft labels. */
import { treeSum } from './core/arithmetic/index.js';
import type { Loss } from './core/closed-lists.js';
import { InputError } from './core/errors.js';
import { checkInteger, checkLabels, checkNonNegativeVector, checkVector, type Labels, type NumericArray } from './core/validate.js';

const NO_NUMBERS = new Float64Array(0);
const NO_INTEGERS = new Int32Array(0);
const LARGEST_LABEL = 2 ** 31 - 1;

/** What samples are compared with, and how much each counts. */
export interface TargetOptions {
  /** Class of each sample, for 'softmaxCrossEntropy'. */
  readonly labels?: Labels;
  /**
   * [batch, outputs], for the other losses, in [0, 1] for 'binaryCrossEntropy'; or, for 'softmaxCrossEntropy' instead of labels, soft
   * labels: each row non-negative with sum 1.
   */
  readonly targets?: NumericArray;
  /** [batch], what each sample's loss is multiplied by, not negative. Means are divided by the sum of the weights. */
  readonly sampleWeights?: NumericArray;
  /** [outputs], what the loss is multiplied by for each class, not negative; for 'softmaxCrossEntropy' with labels or soft labels. */
  readonly classWeights?: NumericArray;
  /** Samples with this label count nothing, whatever its value, for instance -1 or 255. */
  readonly ignoreLabel?: number;
}

/** What the samples are compared with, in the forms that kernels read; what does not apply is empty. */
export interface CheckedTargets {
  /** Whether there are labels or targets. */
  readonly given: boolean;
  readonly labels: Int32Array;
  readonly targets: Float64Array;
  /** [batch], or empty: all ones. */
  readonly weights: Float64Array;
  /** The sum of the weights; the batch size without any. */
  readonly total: number;
}

/** Checks labels or targets, whichever the loss reads, and weights; throws when labels or targets are needed and missing. */
export function checkTargets(loss: Loss, options: TargetOptions, batch: number, outputs: number, neededBy?: string): CheckedTargets {
  const softmax = loss === 'softmaxCrossEntropy';
  const { labels, targets } = options;
  if (!softmax && labels !== undefined) {
    throw new InputError('BTM_DOMAIN', `are not read by loss '${loss}'`, { argument: 'labels', remedy: 'Pass targets instead.' });
  }
  if (labels !== undefined && targets !== undefined) {
    throw new InputError('BTM_DOMAIN', 'exclude labels', { argument: 'targets', remedy: 'Pass classes or soft labels, not both.' });
  }
  if (labels === undefined && targets === undefined && neededBy !== undefined) {
    throw new InputError('BTM_TYPE', `are needed by ${neededBy}`, {
      argument: softmax ? 'labels' : 'targets',
      value: undefined,
      remedy: softmax ? 'Pass the class of each sample, or soft labels as targets.' : 'Pass target values [batch, outputs].',
    });
  }
  const checked = softmax ? checkClasses(options, batch, outputs) : checkValues(loss, options, batch, outputs);
  const { weights } = checked;
  const total = weights.length === 0 ? batch : treeSum(weights);
  return { given: labels !== undefined || targets !== undefined, labels: checked.labels, targets: checked.targets, weights, total };
}

type Parts = Pick<CheckedTargets, 'labels' | 'targets' | 'weights'>;

function checkSampleWeights(options: TargetOptions, batch: number): Float64Array {
  return options.sampleWeights === undefined ? NO_NUMBERS : checkNonNegativeVector('sampleWeights', options.sampleWeights, batch);
}

/** Target values of the losses that are not about classes. */
function checkValues(loss: Loss, options: TargetOptions, batch: number, outputs: number): Parts {
  for (const argument of ['classWeights', 'ignoreLabel'] as const) {
    if (options[argument] !== undefined) {
      throw new InputError('BTM_DOMAIN', `is not read by loss '${loss}'`, { argument, remedy: 'Use sampleWeights.' });
    }
  }
  const weights = checkSampleWeights(options, batch);
  if (options.targets === undefined) return { labels: NO_INTEGERS, targets: NO_NUMBERS, weights };
  const targets = checkVector('targets', options.targets, batch * outputs);
  if (loss === 'binaryCrossEntropy') checkProbabilities(targets);
  return { labels: NO_INTEGERS, targets, weights };
}

/** Classes or soft labels; the weights of classes and ignored labels become weights of samples. */
function checkClasses(options: TargetOptions, batch: number, outputs: number): Parts {
  const given = checkSampleWeights(options, batch);
  const classes = options.classWeights === undefined ? null : checkNonNegativeVector('classWeights', options.classWeights, outputs);
  const ignored =
    options.ignoreLabel === undefined ? null : checkInteger('ignoreLabel', options.ignoreLabel, -LARGEST_LABEL, LARGEST_LABEL);
  if (options.targets !== undefined) {
    if (ignored !== null) {
      throw new InputError('BTM_DOMAIN', 'is for labels', { argument: 'ignoreLabel', remedy: 'Give such samples weight 0.' });
    }
    const rows = checkVector('targets', options.targets, batch * outputs);
    return weighSoftLabels(normalise(rows, batch, outputs), given, classes, batch, outputs);
  }
  if (options.labels === undefined) {
    const argument = classes !== null ? 'classWeights' : ignored !== null ? 'ignoreLabel' : null;
    if (argument !== null) throw new InputError('BTM_TYPE', 'needs labels', { argument, remedy: 'Pass labels beside it.' });
    return { labels: NO_INTEGERS, targets: NO_NUMBERS, weights: given };
  }
  return weighLabels(checkLabels('labels', options.labels, batch, outputs, ignored), given, classes, ignored !== null);
}

/** Labels, -1 where ignored, and the weight that each sample gets from them. */
function weighLabels(labels: Int32Array, given: Float64Array, classes: Float64Array | null, ignoring: boolean): Parts {
  if (classes === null && !ignoring) return { labels, targets: NO_NUMBERS, weights: given };
  const weights = new Float64Array(labels.length);
  for (const [b, label] of labels.entries()) {
    const own = label < 0 ? 0 : classes === null ? 1 : classes[label];
    weights[b] = own * (given.length === 0 ? 1 : given[b]);
    if (label < 0) labels[b] = 0; // any class will do at weight 0
  }
  return { labels, targets: NO_NUMBERS, weights };
}

const SOFT_SUM_TOLERANCE = 1e-5; // probabilities of a model that answers in f32

/** Soft labels with a sum of 1, divided by what is left of it. */
function normalise(rows: Float64Array, batch: number, outputs: number): Float64Array {
  const index = rows.findIndex((x) => x < 0);
  if (index >= 0)
    throw new InputError('BTM_NEGATIVE', `must not be negative, got ${rows[index]}`, { argument: 'targets', index, value: rows[index] });
  const targets = rows.slice();
  for (let b = 0; b < batch; b++) {
    const sum = treeSum(rows, b * outputs, outputs);
    if (Math.abs(sum - 1) > SOFT_SUM_TOLERANCE) {
      throw new InputError('BTM_ROWSUM', `(a row of soft labels) must sum to 1, got ${sum}`, { argument: 'targets', index: b, value: sum });
    }
    for (let c = b * outputs; c < (b + 1) * outputs; c++) targets[c] /= sum;
  }
  return targets;
}

/** Class weights taken into soft labels, and what they then add up to into the weight of the sample. */
function weighSoftLabels(targets: Float64Array, given: Float64Array, classes: Float64Array | null, batch: number, outputs: number): Parts {
  if (classes === null) return { labels: NO_INTEGERS, targets, weights: given };
  const weights = new Float64Array(batch);
  for (let b = 0; b < batch; b++) {
    const row = targets.subarray(b * outputs, (b + 1) * outputs);
    for (let c = 0; c < outputs; c++) row[c] *= classes[c];
    const mass = treeSum(row);
    weights[b] = mass * (given.length === 0 ? 1 : given[b]);
    for (let c = 0; c < outputs; c++) row[c] = mass > 0 ? row[c] / mass : 1 / outputs; // any target will do at weight 0
  }
  return { labels: NO_INTEGERS, targets, weights };
}

function checkProbabilities(targets: Float64Array): void {
  const index = targets.findIndex((x) => x < 0 || x > 1);
  if (index < 0) return;
  const value = targets[index];
  throw new InputError('BTM_DOMAIN', `must be in [0, 1] for 'binaryCrossEntropy', got ${value}`, { argument: 'targets', index, value });
}

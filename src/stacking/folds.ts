/** Folds: every sample is held out once, with its group, and every fold has its share of every class. */
import { InputError } from '../core/errors.js';
import { RandomStream } from '../core/random.js';

/** Name of the random stream of the folds under a seed. */
const FOLDS_STREAM = 0x666f6c64;

/** Options of {@link dealFolds}. */
export interface FoldOptions {
  readonly folds: number;
  readonly seed: number;
  /** Class of each sample; all 0 where there are none. */
  readonly labels: Int32Array;
  /** Group of each sample, 0 .. groups - 1; each sample alone where it is absent. */
  readonly groups?: Int32Array | undefined;
}

/**
 * The fold of each sample. Without groups each class is shuffled and dealt round; with groups the largest come first, each to the fold
 * in which it leaves the classes most even.
 *
 * @throws InputError BTM_DOMAIN when there are fewer samples or groups than folds.
 */
export function dealFolds(options: FoldOptions): Int32Array {
  const { folds, seed, labels, groups } = options;
  const units = groups === undefined ? labels.length : groups.reduce((most, group) => Math.max(most, group + 1), 0);
  if (units < folds) {
    throw new InputError('BTM_DOMAIN', `is ${folds}, but there are only ${units} ${groups === undefined ? 'samples' : 'groups'}`, {
      argument: 'folds',
      value: folds,
      remedy: 'Ask for fewer folds, at least 2.',
    });
  }
  const stream = new RandomStream(seed, FOLDS_STREAM);
  return groups === undefined ? dealSamples(stream, labels, folds) : dealGroups(stream, labels, groups, units, folds);
}

function dealSamples(stream: RandomStream, labels: Int32Array, folds: number): Int32Array {
  const byClass = new Map<number, number[]>();
  labels.forEach((label, sample) => {
    const members = byClass.get(label);
    if (members === undefined) byClass.set(label, [sample]);
    else members.push(sample);
  });
  const fold = new Int32Array(labels.length);
  let next = 0;
  for (const label of [...byClass.keys()].sort((a, b) => a - b)) {
    for (const sample of stream.shuffle(byClass.get(label)!)) fold[sample] = next++ % folds;
  }
  return fold;
}

function dealGroups(stream: RandomStream, labels: Int32Array, groups: Int32Array, count: number, folds: number): Int32Array {
  const classes = labels.reduce((most, label) => Math.max(most, label + 1), 1);
  const sizes = new Float64Array(count * classes);
  const totals = new Float64Array(count);
  groups.forEach((group, sample) => {
    sizes[group * classes + labels[sample]] += 1;
    totals[group] += 1;
  });
  const order = stream.shuffle(Array.from({ length: count }, (_, group) => group)).sort((a, b) => totals[b] - totals[a]);
  const held = new Float64Array(folds * classes);
  const foldOf = new Int32Array(count);
  for (const group of order) {
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let fold = 0; fold < folds; fold++) {
      const cost = crowding(held, sizes, fold, group, classes);
      if (cost < least) {
        least = cost;
        best = fold;
      }
    }
    foldOf[group] = best;
    for (let c = 0; c < classes; c++) held[best * classes + c] += sizes[group * classes + c];
  }
  return groups.map((group) => foldOf[group]);
}

/**
 * Half of what the group adds to the sum of squared class counts of the fold, less what it adds to that of any: how many of its classes'
 * samples the fold holds already, one for one.
 */
function crowding(held: Float64Array, sizes: Float64Array, fold: number, group: number, classes: number): number {
  let cost = 0;
  for (let c = 0; c < classes; c++) cost += sizes[group * classes + c] * held[fold * classes + c];
  return cost;
}

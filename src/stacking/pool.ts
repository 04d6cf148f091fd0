/** A pool of models as people hold it: what each answered to every sample, and what the right answer was. */

import { LOSSES, type Loss } from '../core/closed-lists.js';
import { InputError } from '../core/errors.js';
import { isFloat32Array, isFloat64Array } from '../core/typed-arrays.js';
import {
  checkInteger,
  checkLabels,
  checkNonNegativeVector,
  checkOneOf,
  checkVector,
  describe,
  type NumericArray,
} from '../core/validate.js';

/** How the numbers of an answer are read. */
export const ANSWER_KINDS = ['probabilities', 'logits', 'features'] as const;

/** One of {@link ANSWER_KINDS}. */
export type AnswerKind = (typeof ANSWER_KINDS)[number];

/** One model's answers. */
export interface PoolModel {
  readonly name: string;
  /** [samples, width], row-major; the width follows from the length. What stands where `answered` is 0 is not read. */
  readonly answers: Float64Array | Float32Array | readonly number[];
  /** [samples], 1 where the model answered. Default: everywhere. */
  readonly answered?: ArrayLike<number | boolean>;
  /** Default 'auto': probabilities where every row is one, logits where the width is the number of classes, else features. */
  readonly kind?: AnswerKind | 'auto';
  /** What keeping the model costs, in any unit. Default 1. */
  readonly cost?: number;
}

/** Models, and what their answers are compared with. */
export interface Pool {
  readonly models: readonly PoolModel[];
  /** [samples], for 'softmaxCrossEntropy'. */
  readonly labels?: ArrayLike<number>;
  /** Number of classes. Default: one more than the largest label. */
  readonly classes?: number;
  /** [samples, outputs], for the other losses. */
  readonly targets?: NumericArray;
  /** Default 'softmaxCrossEntropy'. */
  readonly loss?: Loss;
  /** [samples]: samples of one group are held out and resampled together. */
  readonly groups?: ArrayLike<number>;
  /** [samples], at least 0. */
  readonly weights?: NumericArray;
}

/** A model whose answers were checked. */
export interface CheckedModel {
  readonly name: string;
  readonly width: number;
  readonly answers: Float64Array | Float32Array | readonly number[];
  readonly answered: Uint8Array | null;
  readonly kind: AnswerKind;
  readonly cost: number;
}

/** A checked pool. */
export interface CheckedPool {
  readonly models: readonly CheckedModel[];
  readonly samples: number;
  readonly outputs: number;
  readonly loss: Loss;
  /** All 0 but for 'softmaxCrossEntropy'. */
  readonly labels: Int32Array;
  readonly targets: Float64Array;
  readonly groups: Int32Array | undefined;
  readonly groupCount: number;
  readonly weights: Float64Array | undefined;
}

/** Most models of one pool. */
export const MOST_MODELS = 4096;

const MOST_SAMPLES = 2 ** 31 - 1;

/**
 * Checks a pool.
 *
 * @throws InputError naming the model and the sample of the first number that is wrong.
 */
export function checkPool(pool: Pool): CheckedPool {
  const loss = checkOneOf('loss', pool.loss ?? 'softmaxCrossEntropy', LOSSES);
  const compared = loss === 'softmaxCrossEntropy' ? classesOf(pool) : targetsOf(pool, loss);
  const { samples } = compared;
  if (!Array.isArray(pool.models) || pool.models.length === 0) {
    throw new InputError('BTM_TYPE', 'must be a list of at least one model', { argument: 'models', value: pool.models });
  }
  if (pool.models.length > MOST_MODELS) {
    throw new InputError('BTM_SHAPE', `must hold at most ${MOST_MODELS} models, got ${pool.models.length}`, { argument: 'models' });
  }
  const models = pool.models.map((model, index) => checkModel(`models[${index}]`, model, compared, loss));
  refuseDoubles(models.map(({ name }) => name));
  const weights = pool.weights === undefined ? undefined : checkNonNegativeVector('weights', pool.weights, samples);
  if (weights?.every((weight) => weight === 0)) {
    throw new InputError('BTM_DOMAIN', 'must not all be 0', { argument: 'weights' });
  }
  return { models, ...compared, loss, ...groupsOf(pool, samples), weights };
}

interface Compared {
  readonly samples: number;
  readonly outputs: number;
  readonly labels: Int32Array;
  readonly targets: Float64Array;
}

function classesOf(pool: Pool): Compared {
  const samples = checkInteger('labels.length', pool.labels?.length, 2, MOST_SAMPLES);
  const given = pool.labels as ArrayLike<number>;
  const wrong = Array.prototype.findIndex.call(given, (label) => !Number.isInteger(label));
  if (wrong !== -1) {
    throw new InputError('BTM_LABEL', `must be an integer, got ${describe(given[wrong])}`, {
      argument: 'labels',
      index: wrong,
      value: given[wrong],
    });
  }
  let most = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let s = 0; s < samples; s++) {
    most = Math.max(most, given[s]);
    least = Math.min(least, given[s]);
  }
  const outputs = checkInteger('classes', pool.classes ?? most + 1, 2, 2 ** 20);
  if (least === 1 && most === outputs) {
    throw new InputError('BTM_LABEL', `run from 1 to ${outputs}, but classes are counted from 0`, {
      argument: 'labels',
      value: most,
      remedy: 'Subtract 1 from every label.',
    });
  }
  return { samples, outputs, labels: checkLabels('labels', given, samples, outputs), targets: new Float64Array(0) };
}

function targetsOf(pool: Pool, loss: Loss): Compared {
  const outputs = checkInteger('classes', pool.classes ?? 1, 1, 2 ** 20);
  const samples = checkInteger('targets.length / classes', (pool.targets?.length ?? 0) / outputs, 2, MOST_SAMPLES);
  const targets = checkVector('targets', pool.targets, samples * outputs);
  const wrong = loss === 'binaryCrossEntropy' ? targets.findIndex((value) => value < 0 || value > 1) : -1;
  if (wrong !== -1) {
    throw new InputError('BTM_DOMAIN', `must be in [0, 1] for 'binaryCrossEntropy', got ${describe(targets[wrong])}`, {
      argument: 'targets',
      index: wrong,
      value: targets[wrong],
    });
  }
  return { samples, outputs, labels: new Int32Array(samples), targets };
}

function groupsOf(pool: Pool, samples: number): { groups: Int32Array | undefined; groupCount: number } {
  if (pool.groups === undefined) return { groups: undefined, groupCount: samples };
  if (pool.groups.length !== samples) {
    throw new InputError('BTM_SHAPE', `must have length ${samples}, got ${pool.groups.length}`, { argument: 'groups' });
  }
  const numbers = new Map<number, number>();
  const groups = Int32Array.from({ length: samples }, (_, s) => {
    const name = checkInteger(`groups[${s}]`, (pool.groups as ArrayLike<number>)[s], 0);
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name) as number;
  });
  return { groups, groupCount: numbers.size };
}

function checkModel(argument: string, model: PoolModel, compared: Compared, loss: Loss): CheckedModel {
  const { samples, outputs } = compared;
  const answers = model?.answers;
  const kindGiven = checkOneOf(`${argument}.kind`, model?.kind ?? 'auto', [...ANSWER_KINDS, 'auto']);
  if (!(isFloat64Array(answers) || isFloat32Array(answers) || Array.isArray(answers))) {
    throw new InputError('BTM_TYPE', 'must be a Float64Array, Float32Array or array of numbers', { argument: `${argument}.answers` });
  }
  const name = model.name ?? argument;
  const width = answers.length / samples;
  if (!Number.isInteger(width) || width === 0) {
    throw new InputError('BTM_SHAPE', `('${name}') must hold a row for each of ${samples} samples, got ${answers.length} numbers`, {
      argument: `${argument}.answers`,
      value: answers.length,
    });
  }
  const answered = answeredOf(argument, model, samples);
  refuseNonFinite(argument, name, answers, width, answered);
  const cost = model.cost ?? 1;
  if (typeof cost !== 'number' || !(cost >= 0) || !Number.isFinite(cost)) {
    throw new InputError('BTM_NEGATIVE', `must be a finite number of at least 0, got ${describe(cost)}`, {
      argument: `${argument}.cost`,
      value: cost,
    });
  }
  const classes = width === outputs || (loss === 'binaryCrossEntropy' && width === 1);
  if (kindGiven !== 'auto' && kindGiven !== 'features' && !classes) {
    throw new InputError('BTM_SHAPE', `('${name}') has ${width} columns, but ${kindGiven} need one for each of ${outputs} classes`, {
      argument: `${argument}.answers`,
      value: width,
    });
  }
  const kind = kindGiven === 'auto' ? guessKind(answers, width, classes && loss !== 'squaredError', answered, loss) : kindGiven;
  return { name, width, answers, answered, kind, cost };
}

function answeredOf(argument: string, model: PoolModel, samples: number): Uint8Array | null {
  if (model.answered === undefined) return null;
  if (model.answered.length !== samples) {
    throw new InputError('BTM_SHAPE', `must have length ${samples}, got ${model.answered.length}`, { argument: `${argument}.answered` });
  }
  const answered = Uint8Array.from(model.answered as ArrayLike<number>, (given) => (given ? 1 : 0));
  if (!answered.includes(1)) {
    throw new InputError('BTM_ALL_MASKED', `('${model.name}') answered no sample`, { argument, remedy: 'Leave the model out.' });
  }
  return answered.includes(0) ? answered : null;
}

/** Infinities below zero are floors of log-probabilities; every other number that is not finite is refused. */
function refuseNonFinite(argument: string, name: string, answers: ArrayLike<number>, width: number, answered: Uint8Array | null): void {
  for (let index = 0; index < answers.length; index++) {
    const value = answers[index];
    if (Number.isFinite(value) || value === Number.NEGATIVE_INFINITY) continue;
    const sample = Math.floor(index / width);
    if (answered !== null && answered[sample] === 0) continue;
    throw new InputError('BTM_NONFINITE', `('${name}', sample ${sample}, column ${index % width}) is ${describe(value)}`, {
      argument: `${argument}.answers`,
      index,
      value,
      remedy: 'Mark samples without an answer in `answered`.',
    });
  }
}

/** How far the sum of a row of probabilities may be from 1: rounding of half-precision numbers. */
const PROBABILITY_TOLERANCE = 0.01;

function guessKind(answers: ArrayLike<number>, width: number, classes: boolean, answered: Uint8Array | null, loss: Loss): AnswerKind {
  if (!classes) return 'features';
  for (let sample = 0; sample * width < answers.length; sample++) {
    if (answered !== null && answered[sample] === 0) continue;
    let sum = 0;
    for (let c = 0; c < width; c++) {
      const value = answers[sample * width + c];
      if (value < 0 || value > 1 + PROBABILITY_TOLERANCE) return 'logits';
      sum += value;
    }
    if (loss === 'softmaxCrossEntropy' && Math.abs(sum - 1) > PROBABILITY_TOLERANCE) return 'logits';
  }
  return 'probabilities';
}

function refuseDoubles(names: readonly string[]): void {
  const seen = new Map<string, number>();
  names.forEach((name, index) => {
    const before = seen.get(name);
    if (before !== undefined) {
      throw new InputError('BTM_DOMAIN', `has the name '${name}' of models[${before}]`, {
        argument: `models[${index}]`,
        value: name,
        remedy: 'Give every model a name of its own.',
      });
    }
    seen.set(name, index);
  });
}

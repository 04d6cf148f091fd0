/** Models of which only scores are known, one a sample and model: what each adds to the best answer of all. */
import { type Backend, defaultBackend } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkInteger, describe } from '../core/validate.js';
import { MOST_MODELS } from './pool.js';
import { drawResamples, type Estimate, estimate, type Units } from './resample.js';
import { clopperPearson, holm } from './statistics.js';

/** A model's scores. */
export interface ScoredModel {
  readonly name: string;
  /** [samples], higher is better; NaN where the model has none. */
  readonly scores: Float64Array | Float32Array | readonly number[];
  /** Default 1. */
  readonly cost?: number;
}

/** Options of {@link rankScores}. */
export interface RankScoresOptions {
  readonly models: readonly ScoredModel[];
  /** [samples], group numbers from 0; samples of a group are resampled together. */
  readonly groups?: Int32Array;
  /** A sample counts as solved from this score on. Default 0.5. */
  readonly threshold?: number;
  readonly resamples?: number;
  readonly level?: number;
  readonly seed?: number;
  readonly backend?: Backend;
}

/** One model among the scored. */
export interface RankedScores {
  readonly name: string;
  readonly position: number;
  /** Mean of the best score of all, less that without this model: what a router that always finds the best would lose. */
  readonly worth: Estimate;
  readonly worthAdjustedP: number;
  /** Exact Shapley value of the best score. */
  readonly shapley: number;
  /** Mean of its own scores. */
  readonly mean: number;
  readonly coverage: number;
  readonly cost: number;
}

/** Result of {@link rankScores}. */
export interface ScoreRanking {
  readonly models: readonly RankedScores[];
  /** Mean of the best score of each sample: no router can do better. */
  readonly best: Estimate;
  /** Share of the samples that no model solves. */
  readonly ceiling: { readonly beta: number; readonly low: number; readonly high: number };
  readonly samples: number;
  readonly level: number;
  readonly resamples: number;
  readonly seed: number;
}

/**
 * Ranks models by what the best score of each sample loses without them.
 *
 * @shape models[i].scores [samples]
 * @param options - The scores; `level` in (0, 1), `resamples` at least 100.
 * @returns Worth with paired bootstrap intervals, exact Shapley values, and the share of samples that no model solves.
 * @throws InputError BTM_SHAPE, BTM_NONFINITE, BTM_DOMAIN.
 * @numerics f64, the same bits for any backend.
 * @cost samples models log(models)
 * @paper section 1.2, with the best answer in the place of a head
 * @example
 * ```ts
 * import { rankScores } from 'intermodel';
 * const { models } = rankScores({ models: [{ name: 'a', scores: [1, 0, 1] }, { name: 'b', scores: [0, 1, 1] }] });
 * console.log(models.map(({ shapley }) => shapley)); // [0.5, 0.5]
 * ```
 */
export function rankScores(options: RankScoresOptions): ScoreRanking {
  const models = options?.models;
  if (!Array.isArray(models) || models.length === 0)
    throw new InputError('BTM_TYPE', 'must be a list of at least one model', { argument: 'models' });
  if (models.length > MOST_MODELS)
    throw new InputError('BTM_SHAPE', `must hold at most ${MOST_MODELS} models, got ${models.length}`, { argument: 'models' });
  const samples = checkInteger('models[0].scores.length', (models[0] as ScoredModel | null)?.scores?.length, 2);
  models.forEach((model, i) => {
    checkScores(model, i, samples);
  });
  const level = options.level ?? 0.95;
  if (!(level > 0 && level < 1))
    throw new InputError('BTM_DOMAIN', `must be between 0 and 1, got ${describe(level)}`, { argument: 'level', value: level });
  const seed = checkInteger('seed', options.seed ?? 0, 0);
  const resamples = checkInteger('resamples', options.resamples ?? 1000, 100, 1e6);
  const units = unitsOf(options.groups, samples);
  const n = models.length;
  const shapley = new Float64Array(n);
  const sums = new Float64Array(units.count * (n + 1));
  let unsolved = 0;
  for (let s = 0; s < samples; s++) {
    const best = addSample(models, s, shapley, sums.subarray(units.of[s] * (n + 1), (units.of[s] + 1) * (n + 1)));
    if (best < (options.threshold ?? 0.5)) unsolved += 1;
  }
  const { kernels } = options.backend ?? defaultBackend();
  const found = estimate(kernels, units, drawResamples(units, resamples, seed), sums, n + 1, level);
  const worth = found.slice(0, n);
  const adjusted = holm(worth.map(({ pValue }) => pValue));
  return {
    models: models.map((model, i) => ({
      name: model.name,
      position: 1 + worth.filter(({ value }) => value > worth[i].value).length,
      worth: worth[i],
      worthAdjustedP: adjusted[i],
      shapley: shapley[i] / samples,
      ...alone(model),
      cost: model.cost ?? 1,
    })),
    best: found[n],
    ceiling: { beta: unsolved / samples, ...clopperPearson(unsolved, samples, level) },
    samples,
    level,
    resamples,
    seed,
  };
}

function checkScores(model: ScoredModel, i: number, samples: number): void {
  const length: unknown = (model as ScoredModel | null)?.scores?.length;
  if (length !== samples) {
    throw new InputError('BTM_SHAPE', `must have length ${samples}, got ${describe(length)}`, { argument: `models[${i}].scores` });
  }
  if (typeof model.name !== 'string')
    throw new InputError('BTM_TYPE', 'must be text', { argument: `models[${i}].name`, value: model.name });
  const wrong = Array.prototype.findIndex.call(model.scores, (score) => !Number.isFinite(score) && !Number.isNaN(score));
  if (wrong !== -1) {
    throw new InputError('BTM_NONFINITE', `('${model.name}') must be finite, got ${describe(model.scores[wrong])}`, {
      argument: `models[${i}].scores`,
      index: wrong,
    });
  }
}

function unitsOf(groups: Int32Array | undefined, samples: number): Units {
  const of = groups ?? Int32Array.from({ length: samples }, (_, s) => s);
  if (of.length !== samples) throw new InputError('BTM_SHAPE', `must have length ${samples}, got ${of.length}`, { argument: 'groups' });
  const count = of.reduce((most, group) => Math.max(most, group + 1), 0);
  const mass = new Float64Array(count);
  for (const unit of of) mass[unit] += 1;
  return { count, of, mass, what: groups === undefined ? 'samples' : 'groups' };
}

/** Adds one sample; returns its best score. A sample without any score has a best of 0. */
function addSample(models: readonly ScoredModel[], s: number, shapley: Float64Array, sums: Float64Array): number {
  const scored = models.map((_, i) => i).filter((i) => !Number.isNaN(models[i].scores[s]));
  scored.sort((a, b) => models[a].scores[s] - models[b].scores[s]);
  const low = Math.min(0, ...scored.map((i) => models[i].scores[s])); // without any model the score is this
  let before = low;
  let share = 0;
  // the k-th lowest step is shared by all that reach it
  scored.forEach((i, k) => {
    const score = models[i].scores[s];
    share += (score - before) / (scored.length - k);
    shapley[i] += share;
    before = score;
  });
  const best = scored.length === 0 ? low : models[scored[scored.length - 1]].scores[s];
  const second = scored.length < 2 ? low : models[scored[scored.length - 2]].scores[s];
  if (scored.length > 0) sums[scored[scored.length - 1]] += best - second;
  sums[models.length] += best;
  return best;
}

function alone(model: ScoredModel): { mean: number; coverage: number } {
  let sum = 0;
  let count = 0;
  for (let s = 0; s < model.scores.length; s++) {
    if (Number.isNaN(model.scores[s])) continue;
    sum += model.scores[s];
    count += 1;
  }
  return { mean: count === 0 ? 0 : sum / count, coverage: count / model.scores.length };
}

/** Which models of a pool are worth keeping, from their saved answers (paper sections 1.2, 1.3 and 6.1). */
import { type Backend, defaultBackend } from '../backend/index.js';
import { AbortedError, InputError } from '../core/errors.js';
import { checkInteger, checkOneOf, describe } from '../core/validate.js';
import { type Ceiling, ceilingOf, modelsAlone } from './alone.js';
import { clusterOrder, copies, similarity } from './clusters.js';
import { type Baseline, type Contributions, fittedContributions, pooledContributions } from './contributions.js';
import { type CrossFit, crossFit, lossesOf, weightedMean } from './cross-fit.js';
import { buildDesign, type Design } from './design.js';
import { dealFolds } from './folds.js';
import { type Measured, measure } from './measure.js';
import { type PairRemoval, pairRemovals } from './pairs.js';
import { type CheckedPool, checkPool, type Pool } from './pool.js';
import { refitWithout } from './refit.js';
import { drawResamples, type Estimate, estimate, type Resamples, sumOverUnits, type Units, unitsOf } from './resample.js';
import { holm } from './statistics.js';
import { type Verdict, verdictOf } from './verdict.js';

/** How the answers are put together. */
export const POOL_HEADS = ['stacking', 'vote', 'logPool'] as const;

/** One of {@link POOL_HEADS}. */
export type PoolHead = (typeof POOL_HEADS)[number];

/** Options of {@link rankPool}. */
export interface RankPoolOptions extends Pool {
  /** 'stacking' (default): a fitted linear head; 'vote': the mean of the probabilities; 'logPool': the mean of the logits. */
  readonly head?: PoolHead;
  /** L2 of the fitted head, or 'auto' (default): chosen by cross-validation. */
  readonly l2?: number | 'auto';
  /** 'adaptive' (default): a stronger L2 for models whose weights are small, if held-out samples gain from it; 'even': the same for all. */
  readonly penalty?: 'adaptive' | 'even';
  /** Default 5, at least 2. */
  readonly folds?: number;
  /** What stands in for a model that is taken away: its mean answer over the training folds (default), or zeros. */
  readonly baseline?: Baseline;
  /** Also fit the head again without each model. Default true for 'stacking'. */
  readonly refit?: boolean;
  /** Largest entry of the gradient of every fitted head. Default 1e-6. */
  readonly tolerance?: number;
  /** Default 1,000. */
  readonly resamples?: number;
  /** Of intervals and tests. Default 0.95. */
  readonly level?: number;
  /** Default 0. */
  readonly seed?: number;
  readonly classNames?: readonly string[];
  readonly backend?: Backend;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PoolProgress) => void;
}

/** How far a long call is. */
export interface PoolProgress {
  readonly stage: 'fit' | 'measure' | 'refit' | 'select';
  /** From 0 to 1, of the stage. */
  readonly share: number;
}

/** One model of a ranked pool. */
export interface RankedModel {
  readonly name: string;
  /** 1 is worth most. */
  readonly position: number;
  /** Held-out loss that its absence costs under the same head. */
  readonly worth: Estimate;
  /** Its p-value after Holm's correction over the models. */
  readonly worthAdjustedP: number;
  /** Held-out loss that its absence costs when the head is fitted again without it; null without a refit. */
  readonly refitted: Estimate | null;
  readonly refittedAdjustedP: number | null;
  /** The paper's measure: the Gauss-Newton form of its removal, mean over the samples. */
  readonly gaussNewton: number;
  /** Share of the first-order term that the measure leaves out. */
  readonly linearShare: number;
  /** Exact Shapley value of the quadratic removal game. */
  readonly shapley: number;
  /** Right answers among those it gave; null where its answers name no class. */
  readonly accuracy: number | null;
  /** Share of the samples that it answered. */
  readonly coverage: number;
  readonly cost: number;
  /** Mean worth over the samples of each class; empty without classes. */
  readonly byClass: readonly number[];
  readonly verdict: Verdict;
}

/** A fitted head: its L2, whether the penalty was adapted to the models, the path that led to it, and the largest gradient norm of its folds. */
export interface PoolFit {
  readonly l2: number;
  readonly adapted: boolean;
  readonly path: CrossFit['path'];
  readonly gradientNorm: number;
  readonly steps: number;
}

/** Result of {@link rankPool}. */
export interface PoolRanking {
  /** In the order of the pool. */
  readonly models: readonly RankedModel[];
  /** Held-out loss of the whole pool. */
  readonly loss: Estimate;
  /** Share of the samples that the whole pool gets right; null without classes. */
  readonly accuracy: number | null;
  readonly head: PoolHead;
  /** Null for a head without parameters. */
  readonly fit: PoolFit | null;
  /** Largest gradient norm of the refitted heads; null without a refit, and where `refitBy` is 'quadratic'. */
  readonly refitGradientNorm: number | null;
  /** How heads were fitted again: to the gradient norm asked for, or, in very large pools, by one Newton step. */
  readonly refitBy: 'fit' | 'quadratic' | null;
  /** [models, models], row-major: the peer Gram matrix, mean over the samples. */
  readonly gram: Float64Array;
  /** [models, models]: how alike the answers are, from 0 to 1. */
  readonly similarity: Float64Array;
  /** Models so that alike ones are neighbours. */
  readonly clusterOrder: readonly number[];
  /** Groups of copies. */
  readonly copies: readonly (readonly number[])[];
  readonly pairs: readonly PairRemoval[];
  readonly ceiling: Ceiling | null;
  readonly samples: number;
  readonly outputs: number;
  readonly folds: number;
  readonly seed: number;
  readonly level: number;
  readonly resamples: number;
  readonly resampled: { readonly units: number; readonly what: Units['what'] };
  readonly baseline: Baseline;
  /** 'notConverged' when a fitted head missed the gradient norm asked for. */
  readonly status: 'ok' | 'notConverged';
  readonly warnings: readonly string[];
}

/** Above this the quadratic measure says little, and a warning is given. */
const HIGH_LINEAR_SHARE = 0.5;
/** Multiplications of the refits beyond which one Newton step must do. */
const REFIT_WORK = 2e12;
/** Steps of a fit before it is given up. */
export const MAX_STEPS = 300;

/**
 * Ranks the models of a pool by the held-out loss that their absence costs.
 *
 * Every sample is scored by a head that was fitted without it. Intervals are paired bootstrap intervals given those heads: they tell how
 * the figures would vary over other samples, not over other training sets.
 *
 * @shape models[i].answers [samples, width_i]; labels [samples], or targets [samples, outputs]
 * @param options - The pool, and how to judge it. `folds` at least 2, `l2` at least 0, `level` in (0, 1), `tolerance` above 0.
 * @returns Worth with intervals, refitted and not, the Gram matrix, copies, pairs, the ceiling, and a verdict for each model.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_LABEL, BTM_DOMAIN, BTM_NEGATIVE, BTM_ALL_MASKED; AbortedError.
 * @numerics f64, the same bits for any backend, instruction set and number of threads.
 * @cost About 60 passes over the features for the fit, and as many again for every few models that are refitted.
 * @paper (2), (17), (25)
 * @example
 * ```ts
 * import { rankPool } from 'intermodel';
 * const labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
 * const good = labels.flatMap((label) => (label === 0 ? [0.8, 0.2] : [0.3, 0.7]));
 * const dull = labels.flatMap(() => [0.5, 0.5]);
 * const { models } = await rankPool({ models: [{ name: 'dull', answers: dull }, { name: 'good', answers: good }], labels, folds: 3 });
 * console.log(models.map(({ name, position }) => `${name} ${position}`).join(', ')); // dull 2, good 1
 * ```
 */
export async function rankPool(options: RankPoolOptions): Promise<PoolRanking> {
  const call = prepare(options);
  const { design, pool, settings, backend, units, draws } = call;
  const n = pool.models.length;
  const fitted = settings.head === 'stacking' ? await fitHeadsOf(call) : null;
  const contributions = contributionsOf(call, fitted);
  const measured = measure(backend, design, contributions, units, (done) => call.report('measure', done / design.samples));
  await call.pause();
  const losses = fitted?.losses ?? lossesOf(backend.kernels, design, contributions.logits);
  const refitted = fitted !== null && settings.refit ? await refit(call, fitted) : null;
  const estimateOf = (sums: Float64Array, columns: number) => estimate(backend.kernels, units, draws, sums, columns, settings.level);
  const worth = estimateOf(measured.ablation, n);
  const refits = refitted === null ? null : estimateOf(refitted.sums, n);
  const alike = similarity(backend.kernels, design);
  const copied = copies(alike, n);
  const models = describeModels(call, measured, worth, refits, alike, copied);
  const fit = fitted === null ? null : describeFit(fitted);
  const converged = fitted === null || (fitted.heads.every(({ status }) => status !== 'stepLimit') && refitted?.converged !== false);
  return {
    models,
    loss: estimateOf(sumOverUnits(design, units, losses, 1), 1)[0],
    accuracy: accuracyOf(design, contributions.logits),
    head: settings.head,
    fit,
    refitGradientNorm: refitted?.by === 'fit' ? refitted.gradientNorm : null,
    refitBy: refitted?.by ?? null,
    gram: measured.gram,
    similarity: alike,
    clusterOrder: clusterOrder(alike, n),
    copies: copied,
    pairs: fitted === null ? [] : pairRemovals(backend, design, contributions, measured, units, draws, settings.level),
    ceiling: ceilingOf(pool, settings.level),
    samples: pool.samples,
    outputs: pool.outputs,
    folds: settings.folds,
    seed: settings.seed,
    level: settings.level,
    resamples: settings.resamples,
    resampled: { units: units.count, what: units.what },
    baseline: settings.baseline,
    status: converged ? 'ok' : 'notConverged',
    warnings: warningsOf(models, converged, pool, refitted?.by === 'quadratic'),
  };
}

/** A call whose options were checked. */
export interface PoolCall {
  readonly pool: CheckedPool;
  readonly design: Design;
  readonly units: Units;
  readonly draws: Resamples;
  readonly backend: Backend;
  readonly settings: Settings;
  /** Tells how far a stage is; throws when the call was cancelled. */
  report(stage: PoolProgress['stage'], share: number): void;
  /** Lets other work of the process run, so that a cancellation can arrive. */
  pause(): Promise<void>;
}

interface Settings {
  readonly head: PoolHead;
  readonly l2: number | 'auto';
  readonly penalty: 'adaptive' | 'even';
  readonly folds: number;
  readonly baseline: Baseline;
  readonly refit: boolean;
  readonly tolerance: number;
  readonly resamples: number;
  readonly level: number;
  readonly seed: number;
  readonly classNames: readonly string[];
}

/** Checks the options and lays the pool out. */
export function prepare(options: RankPoolOptions): PoolCall {
  if (typeof options !== 'object' || options === null) {
    throw new InputError('BTM_TYPE', 'must be an object', { argument: 'options', value: options });
  }
  const pool = checkPool(options);
  const settings = checkSettings(options, pool);
  const backend = options.backend ?? defaultBackend();
  const { signal, onProgress } = options;
  const report = (stage: PoolProgress['stage'], share: number): void => {
    if (signal?.aborted === true) throw new AbortedError('the ranking of a pool');
    onProgress?.({ stage, share });
  };
  report('fit', 0);
  const fold = dealFolds({ folds: settings.folds, seed: settings.seed, labels: pool.labels, groups: pool.groups });
  const design = buildDesign(backend.kernels, pool, fold, settings.folds);
  const units = unitsOf(pool, design, settings.seed);
  const draws = drawResamples(units, settings.resamples, settings.seed);
  const pause = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (signal?.aborted === true) throw new AbortedError('the ranking of a pool');
  };
  return { pool, design, units, draws, backend, settings, report, pause };
}

function checkSettings(options: RankPoolOptions, pool: CheckedPool): Settings {
  const head = checkOneOf('head', options.head ?? 'stacking', POOL_HEADS);
  const wrong = head === 'stacking' ? undefined : pool.models.find(({ width }) => width !== pool.outputs);
  const features = head === 'stacking' || pool.loss === 'squaredError' ? undefined : pool.models.find(({ kind }) => kind === 'features');
  if (wrong !== undefined || features !== undefined) {
    const { name, width } = (wrong ?? features) as { name: string; width: number };
    throw new InputError('BTM_SHAPE', `'${head}' needs answers that name classes, but '${name}' gives ${width} features`, {
      argument: 'head',
      value: head,
      remedy: "Use head 'stacking', which takes features of any width.",
    });
  }
  const l2 = options.l2 ?? 'auto';
  if (l2 !== 'auto' && !(typeof l2 === 'number' && l2 > 0 && Number.isFinite(l2))) {
    throw new InputError('BTM_DOMAIN', `must be 'auto' or a number above 0, got ${describe(l2)}`, { argument: 'l2', value: l2 });
  }
  const level = between('level', options.level ?? 0.95, 0, 1);
  const tolerance = between('tolerance', options.tolerance ?? 1e-6, 0, 1);
  return {
    head,
    l2,
    penalty: checkOneOf('penalty', options.penalty ?? 'adaptive', ['adaptive', 'even']),
    folds: checkInteger('folds', options.folds ?? 5, 2, 1000),
    baseline: checkOneOf('baseline', options.baseline ?? 'mean', ['mean', 'zero']),
    refit: options.refit ?? head === 'stacking',
    tolerance,
    resamples: checkInteger('resamples', options.resamples ?? 1000, 100, 1e6),
    level,
    seed: checkInteger('seed', options.seed ?? 0, 0),
    classNames: classNamesOf(options, pool.outputs),
  };
}

function between(argument: string, value: number, low: number, high: number): number {
  if (typeof value === 'number' && value > low && value < high) return value;
  throw new InputError('BTM_DOMAIN', `must be between ${low} and ${high}, got ${describe(value)}`, { argument, value });
}

function classNamesOf(options: RankPoolOptions, outputs: number): readonly string[] {
  const names = options.classNames ?? Array.from({ length: outputs }, (_, c) => String(c));
  if (names.length !== outputs) {
    throw new InputError('BTM_SHAPE', `must hold ${outputs} names, got ${names.length}`, { argument: 'classNames' });
  }
  return names;
}

async function fitHeadsOf(call: PoolCall): Promise<CrossFit> {
  const { l2, penalty, tolerance } = call.settings;
  const fit = crossFit(call.backend.kernels, call.design, {
    l2,
    penalty,
    tolerance,
    maxSteps: MAX_STEPS,
    onProgress: (share) => call.report('fit', share),
  });
  await call.pause();
  return fit;
}

function contributionsOf({ backend, design, settings }: PoolCall, fit: CrossFit | null): Contributions {
  if (fit === null) return pooledContributions(backend.kernels, design, settings.head as 'vote' | 'logPool');
  const parameters = fit.heads.map((head) => head.parameters);
  return fittedContributions(backend.kernels, design, parameters, settings.baseline);
}

/** Sums over units of the change of the loss without each model, after refitting. */
interface Refitted {
  readonly sums: Float64Array;
  readonly gradientNorm: number;
  readonly converged: boolean;
  readonly by: 'fit' | 'quadratic';
}

/** Fits the heads again without each model in turn. */
async function refit(call: PoolCall, fit: CrossFit): Promise<Refitted> {
  const { backend, design, units, pool } = call;
  const n = pool.models.length;
  const sums = new Float64Array(units.count * n);
  // about ten evaluations a refit, two products each
  const quadratic = n * call.settings.folds * design.samples * design.width * design.outputs * 20 > REFIT_WORK;
  let gradientNorm = 0;
  let converged = true;
  for (let model = 0; model < n; model++) {
    const options = {
      tolerance: call.settings.tolerance,
      maxSteps: quadratic ? 0 : MAX_STEPS,
      onStep: () => call.report('refit', model / n),
    };
    refitWithout(backend.kernels, design, fit, [[model]], options, (found) => {
      const change = found.losses.map((loss, row) => loss - fit.losses[row]);
      const own = sumOverUnits(design, units, change, 1);
      for (let unit = 0; unit < units.count; unit++) sums[unit * n + model] = own[unit];
      gradientNorm = Math.max(gradientNorm, found.gradientNorm);
      converged &&= quadratic || found.converged;
    });
    await call.pause();
  }
  return { sums, gradientNorm, converged, by: quadratic ? 'quadratic' : 'fit' };
}

function describeModels(
  call: PoolCall,
  measured: Measured,
  worth: readonly Estimate[],
  refits: readonly Estimate[] | null,
  alike: Float64Array,
  copied: readonly (readonly number[])[],
): RankedModel[] {
  const { pool, settings } = call;
  const n = pool.models.length;
  const alone = modelsAlone(pool);
  const worthP = holm(worth.map(({ pValue }) => pValue));
  const refittedP = refits === null ? null : holm(refits.map(({ pValue }) => pValue));
  const classes = measured.byClass.length / n;
  return pool.models.map((model, i) => {
    const byClass = Array.from({ length: classes }, (_, c) => measured.byClass[c * n + i]);
    const others = pool.models.map((_, j) => j).filter((j) => j !== i);
    const nearest = others.reduce<number | null>((best, j) => (best === null || alike[i * n + j] > alike[i * n + best] ? j : best), null);
    let shapley = 0;
    for (let j = 0; j < n; j++) shapley += measured.gram[i * n + j];
    const verdict = verdictOf({
      worth: worth[i],
      worthP: worthP[i],
      refitted: refits?.[i] ?? null,
      refittedP: refittedP?.[i] ?? 1,
      copies: copied.find((group) => group.includes(i))?.flatMap((j) => (j === i ? [] : [pool.models[j].name])) ?? [],
      nearest: nearest === null ? null : pool.models[nearest].name,
      byClass,
      classNames: settings.classNames,
      level: settings.level,
    });
    return {
      name: model.name,
      position: 1 + worth.filter(({ value }) => value > worth[i].value).length,
      worth: worth[i],
      worthAdjustedP: worthP[i],
      refitted: refits?.[i] ?? null,
      refittedAdjustedP: refittedP?.[i] ?? null,
      gaussNewton: measured.gaussNewton[i],
      linearShare: measured.linearShare[i],
      shapley,
      ...alone[i],
      cost: model.cost,
      byClass,
      verdict,
    };
  });
}

function describeFit(fit: CrossFit): PoolRanking['fit'] {
  return {
    l2: fit.l2,
    adapted: fit.adapted,
    path: fit.path,
    gradientNorm: Math.max(...fit.heads.map(({ gradientNorm }) => gradientNorm)),
    steps: Math.max(...fit.heads.map(({ steps }) => steps)),
  };
}

/** Weighted share of rows whose largest logit is that of the label. */
function accuracyOf(design: Design, logits: Float64Array): number | null {
  if (design.loss !== 'softmaxCrossEntropy') return null;
  const { outputs } = design;
  const right = Float64Array.from(design.labels, (label, row) => {
    for (let c = 0; c < outputs; c++) if (c !== label && logits[row * outputs + c] >= logits[row * outputs + label]) return 0;
    return 1;
  });
  return weightedMean(right, design.weights);
}

function warningsOf(models: readonly RankedModel[], converged: boolean, pool: CheckedPool, quadratic: boolean): string[] {
  const warnings: string[] = [];
  const high = models.filter(({ linearShare, verdict }) => linearShare > HIGH_LINEAR_SHARE && verdict.code !== 'noEffect');
  if (high.length > 0) {
    warnings.push(
      `The linear share of ${high.length} of ${models.length} models is above ${HIGH_LINEAR_SHARE}: their Gauss-Newton measure leaves most of the change out. Go by worth and refitted worth.`,
    );
  }
  if (!converged) warnings.push('A head did not reach the gradient norm asked for: raise tolerance, or fix l2 at a larger value.');
  if (quadratic) warnings.push('The pool is so large that heads without a model were fitted by one Newton step, not to a gradient norm.');
  const partial = pool.models.filter(({ answered }) => answered !== null);
  if (partial.length > 0) {
    warnings.push(
      `${partial.length} of ${models.length} models left samples without an answer; their mean answer stands in, and taking it away costs nothing there.`,
    );
  }
  return warnings;
}

/** The call of a ranking or a selection: its options, checked, and the pool laid out. */
import { type Backend, defaultBackend } from '../backend/index.js';
import { AbortedError, InputError } from '../core/errors.js';
import { checkInteger, checkOneOf, describe } from '../core/validate.js';
import type { Baseline } from './contributions.js';
import { buildDesign, type Design } from './design.js';
import { dealFolds } from './folds.js';
import { type CheckedPool, checkPool, type Pool } from './pool.js';
import { drawResamples, type Resamples, type Units, unitsOf } from './resample.js';

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

/** Steps of a fit before it is given up. */
export const MAX_STEPS = 300;

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
  const watch = watched(options.signal, options.onProgress);
  watch.report('fit', 0);
  const fold = dealFolds({ folds: settings.folds, seed: settings.seed, labels: pool.labels, groups: pool.groups });
  const design = buildDesign(backend.kernels, pool, fold, settings.folds);
  const units = unitsOf(pool, design, settings.seed);
  const draws = drawResamples(units, settings.resamples, settings.seed);
  return { pool, design, units, draws, backend, settings, ...watch };
}

/** Reports of progress, and pauses in which a call may be given up. */
export function watched(signal: AbortSignal | undefined, onProgress: RankPoolOptions['onProgress']): Pick<PoolCall, 'report' | 'pause'> {
  const check = (): void => {
    if (signal?.aborted === true) throw new AbortedError('the ranking of a pool');
  };
  return {
    report: (stage, share) => {
      check();
      onProgress?.({ stage, share });
    },
    pause: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      check();
    },
  };
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

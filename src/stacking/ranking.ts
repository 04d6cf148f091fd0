/** What a ranking of a pool says. */
import type { Ceiling } from './alone.js';
import type { PoolHead } from './call.js';
import type { Baseline } from './contributions.js';
import type { PathPoint } from './cross-fit.js';
import type { PairRemoval } from './pairs.js';
import type { Estimate, Units } from './resample.js';
import type { Verdict } from './verdict.js';

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
  readonly path: readonly PathPoint[];
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

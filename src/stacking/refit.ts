/** What a pool loses without some models once its head has been fitted again. */
import type { Kernels } from '../backend/index.js';
import { type CrossFit, heldOutLosses } from './cross-fit.js';
import type { Design } from './design.js';
import { type FittedHead, fitHeads, withoutModels } from './fit.js';

/** Held-out losses of the heads without one set of models. */
export interface Refit {
  /** [samples], not weighted. */
  readonly losses: Float64Array;
  readonly parameters: readonly Float64Array[];
  /** The largest gradient norm of its heads. */
  readonly gradientNorm: number;
  readonly converged: boolean;
}

/** When refits stop, and whom they tell. */
export interface RefitOptions {
  readonly tolerance: number;
  /** 0: the quadratic model's minimum, with no evaluation. */
  readonly maxSteps: number;
  /** Called with the sets that are done; may throw to stop. */
  readonly onSets?: ((done: number) => void) | undefined;
  readonly onStep?: (() => void) | undefined;
}

/** Columns of the products of one batch of fits. */
const COLUMNS = 600;

/** Sets whose heads are fitted together. */
export function refitsAtOnce(folds: number, outputs: number): number {
  return Math.max(1, Math.floor(COLUMNS / (folds * outputs)));
}

/** Refits the head of every fold without each of the sets, a few sets at a time, and hands over the result of each. */
export function refitWithout(
  kernels: Kernels,
  design: Design,
  base: CrossFit,
  sets: readonly (readonly number[])[],
  options: RefitOptions,
  take: (refit: Refit, set: number) => void,
): void {
  const folds = base.heads.length;
  const atOnce = refitsAtOnce(folds, design.outputs);
  for (let first = 0; first < sets.length; first += atOnce) {
    const batch = sets.slice(first, first + atOnce);
    const problems = batch.flatMap((without) => base.shrinkage.map((shrinkage, fold) => ({ fold, l2: base.l2, without, shrinkage })));
    const starts = batch.flatMap((without) =>
      base.heads.map(({ parameters }) => withoutModels(kernels, design, base.preconditioner, parameters, without)),
    );
    const { tolerance, maxSteps, onStep } = options;
    const heads: readonly Pick<FittedHead, 'parameters' | 'gradientNorm' | 'status'>[] =
      maxSteps === 0
        ? starts.map((parameters) => ({ parameters, gradientNorm: Number.POSITIVE_INFINITY, status: 'stepLimit' }))
        : fitHeads(kernels, design, problems, base.preconditioner, { tolerance, maxSteps, onStep }, starts);
    const parameters = batch.map((_, k) => heads.slice(k * folds, (k + 1) * folds).map((head) => head.parameters));
    const losses = heldOutLosses(kernels, design, parameters);
    batch.forEach((_, k) => {
      const own = heads.slice(k * folds, (k + 1) * folds);
      take(
        {
          losses: losses[k],
          parameters: parameters[k],
          gradientNorm: Math.max(...own.map(({ gradientNorm }) => gradientNorm)),
          converged: own.every(({ status }) => status !== 'stepLimit'),
        },
        first + k,
      );
    });
    options.onSets?.(Math.min(sets.length, first + atOnce));
  }
}

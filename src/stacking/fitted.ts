/** A pool whose heads are fitted, to rank and to select from. */
import { InputError } from '../core/errors.js';
import { MAX_STEPS, type PoolCall, type PoolProgress, prepare, type RankPoolOptions, watched } from './call.js';
import { type CrossFit, crossFit } from './cross-fit.js';

/** A pool that was laid out and fitted once; {@link rankPool} and {@link selectModels} take it in the place of a pool. */
export class FittedPool {
  /** @internal */
  constructor(
    /** @internal */
    readonly call: PoolCall,
    /** @internal null for a head without parameters */
    readonly fit: CrossFit | null,
  ) {}
}

/** A fitted pool, and who is told of what is done with it. */
export interface FittedPoolOptions {
  readonly fitted: FittedPool;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PoolProgress) => void;
}

/**
 * Lays a pool out and fits the heads of all folds, once for a ranking and any number of selections.
 *
 * @shape as {@link rankPool}
 * @param options - The pool, and how to judge it; everything but what a selection asks for.
 * @returns What `rankPool({ fitted })` and `selectModels({ fitted, ... })` take: the results are those of the options themselves.
 * @throws InputError as rankPool; AbortedError.
 * @numerics as rankPool
 * @cost About 60 passes over the features, 8 bytes a number.
 * @paper (2), (17), (25)
 * @example
 * ```ts
 * import { fitPool, rankPool, selectModels } from 'intermodel';
 * const labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
 * const good = labels.flatMap((label) => (label === 0 ? [0.8, 0.2] : [0.3, 0.7]));
 * const dull = labels.flatMap(() => [0.5, 0.5]);
 * const fitted = await fitPool({ models: [{ name: 'dull', answers: dull }, { name: 'good', answers: good }], labels, folds: 3 });
 * const { models } = await rankPool({ fitted });
 * const { chosen } = await selectModels({ fitted, budget: 1 });
 * console.log(models[1].position, chosen.models); // 1 [1]
 * ```
 */
export async function fitPool(options: RankPoolOptions): Promise<FittedPool> {
  const call = prepare(options);
  return new FittedPool(call, await fitHeadsOf(call));
}

/** The fitted pool that was given, or the pool fitted now. */
export async function fittedOf(options: RankPoolOptions | FittedPoolOptions): Promise<FittedPool> {
  if (typeof options !== 'object' || options === null || !('fitted' in options)) return fitPool(options as RankPoolOptions);
  const { fitted, signal, onProgress } = options;
  if (!(fitted instanceof FittedPool)) {
    throw new InputError('BTM_TYPE', 'must be what fitPool returned', { argument: 'fitted', value: fitted });
  }
  const also = Object.keys(options).find((key) => !ALLOWED.includes(key));
  if (also !== undefined) {
    throw new InputError('BTM_DOMAIN', 'was settled when the pool was fitted', { argument: also, remedy: 'Give it to fitPool.' });
  }
  return new FittedPool({ ...fitted.call, ...watched(signal, onProgress) }, fitted.fit);
}

/** What may stand beside `fitted`; the last three are of a selection. */
const ALLOWED: readonly string[] = ['fitted', 'signal', 'onProgress', 'epsilon', 'budget', 'exactUpTo'];

async function fitHeadsOf(call: PoolCall): Promise<CrossFit | null> {
  const { head, l2, penalty, tolerance } = call.settings;
  if (head !== 'stacking') return null;
  const onProgress = (share: number) => call.report('fit', share);
  const fit = crossFit(call.backend.kernels, call.design, { l2, penalty, tolerance, maxSteps: MAX_STEPS, onProgress });
  await call.pause();
  return fit;
}

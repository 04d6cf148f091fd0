/** Gates: whom a participant asks, and with what weight their answers enter G(x). */

import { backendOf } from './backend/index.js';
import type { Backend } from './backend/types.js';
import { InputError } from './core/errors.js';
import { RandomStream } from './core/random.js';
import { typedArrayKind } from './core/typed-arrays.js';
import { checkInteger, checkNonNegativeVector, checkOptions, checkVector, type NumericArray } from './core/validate.js';

/** Which peers answered: one flag per peer, for all samples [peers] or for each [batch, peers]. */
export type Answered = ArrayLike<number | boolean>;

/** Sizes that gates share. */
export interface GateSizes {
  /** Samples. Default 1. */
  readonly batch?: number;
  /** Peers. Default: the length of the first array over `batch`. */
  readonly peers?: number;
  readonly backend?: Backend;
}

/** What {@link gate} takes. */
export interface GateOptions extends GateSizes {
  /** Gate logits [batch, peers]. */
  readonly scores: NumericArray;
  /** How many peers are chosen per sample, 1 to peers. */
  readonly k: number;
  /** Peers that failed to answer are left out before the choice. Default: all answered. */
  readonly answered?: Answered;
}

/** A gate's choice. */
export interface Gate {
  /** [batch, peers]; a row sums to 1 and is exactly 0 outside the chosen. */
  readonly weights: Float64Array;
  /** [batch, k]: the chosen, best first; -1 where fewer than k answered. */
  readonly selected: Int32Array;
}

/**
 * The sparsely gated choice: softmax over the peers that answered, the best k of them, renormalised.
 *
 * Equal scores go to the lower index. For the dense softmax, k = peers.
 *
 * @shape scores [batch, peers], answered [peers] or [batch, peers]
 * @param options - See {@link GateOptions}.
 * @returns {@link Gate}, new arrays.
 * @throws InputError BTM_SHAPE, BTM_TYPE, BTM_NONFINITE, BTM_DOMAIN (k); BTM_ALL_MASKED with the sample that no peer answered.
 * @numerics Binary64, the same bits on every backend. The softmax over the chosen is taken directly, so a chosen peer keeps its
 *   relative weight however little of the dense softmax it had.
 * @cost O(batch * peers * k) comparisons, k exponentials per sample.
 * @paper Section 1.7, "the gating ensemble" (10), R-18.
 * @example
 * ```ts
 * import { gate } from 'intermodel';
 * const { weights } = gate({ scores: [0, Math.log(2), Math.log(3), Math.log(6)], k: 2, answered: [true, true, true, false] });
 * console.log(Array.from(weights, (w) => w.toFixed(1)).join(' ')); // 0.0 0.4 0.6 0.0
 * ```
 */
export function gate(options: GateOptions): Gate {
  const { batch, peers, k } = checkGateSizes(options, options?.scores, 'scores');
  const scores = checkVector('scores', options.scores, batch * peers);
  const answered = checkAnswered(options.answered, batch, peers);
  const weights = new Float64Array(batch * peers);
  const selected = new Int32Array(batch * k);
  backendOf(options.backend).kernels.gate(weights, selected, scores, answered, k, batch, peers);
  return { weights, selected };
}

/**
 * dL/dscores from dL/dweights, through a {@link gate} that gave `weights`; zero for peers that were not chosen.
 *
 * @shape weights [batch, peers], gradient [batch, peers]
 * @param options - `weights` as {@link gate} returned them and the loss gradient with respect to them.
 * @returns [batch, peers], a new array.
 * @throws InputError BTM_SHAPE, BTM_TYPE, BTM_NONFINITE, BTM_NEGATIVE.
 * @numerics Binary64, the same bits on every backend. The choice itself has no derivative.
 * @cost O(batch * peers).
 * @paper Section 1.7, R-18.
 * @example
 * ```ts
 * import { gateGradient } from 'intermodel';
 * console.log(gateGradient({ weights: [0.5, 0.5], gradient: [1, 0] })[0]); // 0.25
 * ```
 */
export function gateGradient(options: GateSizes & { readonly weights: NumericArray; readonly gradient: NumericArray }): Float64Array {
  checkOptions(options);
  const { batch, peers } = checkGateSizes({ ...options, k: 1 }, options.weights, 'weights');
  const weights = checkNonNegativeVector('weights', options.weights, batch * peers);
  const upstream = checkVector('gradient', options.gradient, batch * peers);
  const gradient = new Float64Array(batch * peers);
  backendOf(options.backend).kernels.gateGradient(gradient, weights, upstream, batch, peers);
  return gradient;
}

/** What {@link gateBalance} returns. */
export interface GateBalance {
  /** N * sum_i dispatch_i importance_i: 1 when balanced over the N peers that answered, up to N when one peer gets everything. */
  readonly loss: number;
  /** f [peers]: each peer's share of all the requests sent. */
  readonly dispatch: Float64Array;
  /** P [peers]: mean over the batch of the softmax over the peers that answered. */
  readonly importance: Float64Array;
  /** dloss/dscores [batch, peers], the routing held as it is. */
  readonly gradient: Float64Array;
}

/**
 * The load-balancing loss N * sum_i f_i P_i of a gate's routing, and its gradient with respect to the scores.
 *
 * N counts the peers that answered at least one sample, so that one that is away does not look like an imbalance.
 * f is counted from the choices that {@link gate} makes for these scores, so the loss depends on the routing; it is piecewise
 * constant, so the gradient flows through P.
 *
 * @shape scores [batch, peers], answered [peers] or [batch, peers]
 * @param options - As for {@link gate}; pass the noisy scores where noise decides the routing.
 * @returns {@link GateBalance}; all zeros for an empty batch.
 * @throws InputError as {@link gate}.
 * @numerics Binary64, the same bits on every backend.
 * @cost O(batch * peers * k) comparisons, one exponential per score.
 * @paper R-18; Fedus et al., Switch Transformers, equation (4).
 * @example
 * ```ts
 * import { gateBalance } from 'intermodel';
 * console.log(gateBalance({ scores: [0, 0, 0, 0], k: 2 }).loss); // 1
 * ```
 */
export function gateBalance(options: GateOptions): GateBalance {
  const { batch, peers, k } = checkGateSizes(options, options?.scores, 'scores');
  const scores = checkVector('scores', options.scores, batch * peers);
  const answered = checkAnswered(options.answered, batch, peers);
  const loss = new Float64Array(1);
  const dispatch = new Float64Array(peers);
  const importance = new Float64Array(peers);
  const gradient = new Float64Array(batch * peers);
  const { kernels } = backendOf(options.backend);
  kernels.gateBalance(loss, dispatch, importance, gradient, scores, answered, k, batch, peers);
  const present = countAnswered(answered, batch, peers);
  if (present === peers || batch === 0) return { loss: loss[0], dispatch, importance, gradient };
  return { loss: (loss[0] * present) / peers, dispatch, importance, gradient: gradient.map((slope) => (slope * present) / peers) };
}

/** Peers that answered at least one sample. */
function countAnswered(answered: Int32Array, batch: number, peers: number): number {
  let present = 0;
  for (let peer = 0; peer < peers; peer++) {
    let any = 0;
    for (let b = 0; b < batch; b++) any |= answered[b * peers + peer];
    present += any;
  }
  return present;
}

/** What {@link noisyScores} takes. */
export interface NoisyScoresOptions extends GateSizes {
  /** Clean gate logits [batch, peers]. */
  readonly scores: NumericArray;
  /** Noise logits [batch, peers]; the standard deviation is softplus(noise). */
  readonly noise: NumericArray;
  /** Seed of the draws, an integer. */
  readonly seed: number;
  /** Which draws of that seed, for instance the training step. Default 0. */
  readonly stream?: number;
}

/** Scores with noise, and the draws that made it. */
export interface NoisyScores {
  /** [batch, peers] */
  readonly scores: Float64Array;
  /** Standard normal draws [batch, peers]; {@link noisyScoresGradient} needs them. */
  readonly draws: Float64Array;
}

/**
 * Gate logits with trainable noise: score + draw * softplus(noise), draws standard normal from a counter-based generator.
 *
 * @shape scores [batch, peers], noise [batch, peers]
 * @param options - See {@link NoisyScoresOptions}.
 * @returns {@link NoisyScores}, new arrays; the same for the same seed, stream and sizes, on every machine.
 * @throws InputError BTM_SHAPE, BTM_TYPE, BTM_NONFINITE, BTM_DOMAIN.
 * @numerics Binary64, the same bits on every backend; softplus without overflow.
 * @cost One draw, one exponential and one logarithm per score.
 * @paper R-18; Shazeer et al., Outrageously large neural networks, equation (4).
 * @example
 * ```ts
 * import { gate, noisyScores } from 'intermodel';
 * const noisy = noisyScores({ scores: [0, 1, 2], noise: [-1, -1, -1], seed: 7 });
 * console.log(gate({ scores: noisy.scores, k: 1 }).selected.length); // 1
 * ```
 */
export function noisyScores(options: NoisyScoresOptions): NoisyScores {
  checkOptions(options);
  const { batch, peers } = checkGateSizes({ ...options, k: 1 }, options.scores, 'scores');
  const scores = checkVector('scores', options.scores, batch * peers);
  const noise = checkVector('noise', options.noise, batch * peers);
  const seed = checkInteger('seed', options.seed, 0);
  const stream = checkInteger('stream', options.stream ?? 0, 0);
  const source = new RandomStream(seed, stream);
  const draws = Float64Array.from({ length: batch * peers }, () => source.normal());
  const noisy = new Float64Array(batch * peers);
  backendOf(options.backend).kernels.noisyScores(noisy, scores, noise, draws);
  return { scores: noisy, draws };
}

/**
 * dL/dnoise from dL/d(noisy scores); dL/dscores is that upstream gradient itself.
 *
 * @shape noise, draws, gradient [batch, peers]
 * @param options - `noise` and `draws` of {@link noisyScores}, and the loss gradient with respect to the noisy scores.
 * @returns A new array of the same length.
 * @throws InputError BTM_SHAPE, BTM_TYPE, BTM_NONFINITE.
 * @numerics Binary64, the same bits on every backend.
 * @cost One sigmoid per score.
 * @paper R-18.
 * @example
 * ```ts
 * import { noisyScoresGradient } from 'intermodel';
 * console.log(noisyScoresGradient({ noise: [0], draws: [2], gradient: [3] })[0]); // 3
 * ```
 */
export function noisyScoresGradient(options: {
  readonly noise: NumericArray;
  readonly draws: NumericArray;
  readonly gradient: NumericArray;
  readonly backend?: Backend;
}): Float64Array {
  const length = lengthOf(options?.noise);
  const noise = checkVector('noise', options?.noise, length);
  const draws = checkVector('draws', options.draws, length);
  const upstream = checkVector('gradient', options.gradient, length);
  const gradient = new Float64Array(length);
  backendOf(options.backend).kernels.noisyScoresGradient(gradient, noise, draws, upstream);
  return gradient;
}

function lengthOf(value: unknown): number {
  const length = (value as ArrayLike<number> | undefined)?.length;
  return typeof length === 'number' ? length : 0;
}

function checkGateSizes(
  options: GateSizes & { readonly k: number },
  array: unknown,
  argument: string,
): { batch: number; peers: number; k: number } {
  const batch = checkInteger('batch', options?.batch ?? 1, 0);
  const length = lengthOf(array);
  if (options?.peers === undefined && batch > 0 && length % batch !== 0) {
    throw new InputError('BTM_SHAPE', `has length ${length}, which batch ${batch} does not divide`, { argument, value: length });
  }
  const peers = checkInteger('peers', options?.peers ?? Math.max(1, length / Math.max(1, batch)), 1);
  return { batch, peers, k: checkInteger('k', options?.k, 1, peers) };
}

/** Flags of 0 and 1 per (sample, peer); every sample keeps at least one peer. */
export function checkAnswered(value: unknown, batch: number, peers: number): Int32Array {
  const answered = new Int32Array(batch * peers);
  if (value === undefined) return answered.fill(1);
  if (typedArrayKind(value) === undefined && !Array.isArray(value)) {
    throw new InputError('BTM_TYPE', 'must be an array of flags', { argument: 'answered', value });
  }
  const flags = value as ArrayLike<unknown>;
  if (flags.length !== peers && flags.length !== batch * peers) {
    throw new InputError('BTM_SHAPE', `must have length ${peers} or ${batch * peers}, got ${flags.length}`, {
      argument: 'answered',
      value: flags.length,
    });
  }
  for (let index = 0; index < flags.length; index++) {
    const flag = flags[index];
    if (flag !== true && flag !== false && flag !== 0 && flag !== 1) {
      throw new InputError('BTM_TYPE', 'must be true, false, 0 or 1', { argument: 'answered', index, value: flag });
    }
  }
  for (let b = 0; b < batch; b++) {
    let any = false;
    for (let peer = 0; peer < peers; peer++) {
      const index = b * peers + peer;
      answered[index] = Number(flags[flags.length === peers ? peer : index]);
      any ||= answered[index] === 1;
    }
    if (!any) {
      throw new InputError('BTM_ALL_MASKED', 'leaves no peer that answered', {
        argument: 'answered',
        index: b,
        remedy: 'Answer from the own model or the distilled students when no peer answers.',
      });
    }
  }
  return answered;
}

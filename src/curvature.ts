/** The measure: quadratic forms of a loss's curvature along the removal of each peer (paper sections 1.2, 1.3 and 6.1). */
import { type Backend, backendOf } from './backend/index.js';
import { treeSum } from './core/arithmetic/index.js';
import { HESSIAN_STORAGES, LOSSES, type Loss } from './core/closed-lists.js';
import { checkInteger, checkOneOf, checkOptions, checkSymmetric, checkVector, type NumericArray } from './core/validate.js';
import { checkBatch, checkResponses, type HeadOptions } from './head-batch.js';
import { checkTargets, type TargetOptions } from './head-targets.js';
import { pivotedCholesky } from './reference/cholesky.js';

export { type GroupEstimator, type GroupRemoval, type GroupRemovalOptions, groupRemoval } from './curvature-groups.js';
export { type Estimator, type Reduction, type RemovalOptions, type RemovalScores, removalScores } from './curvature-removal.js';

/** A Hessian over n inputs, one for all vectors or one for each. */
export interface Hessian {
  /** dense: [count, n, n]; shared: [n, n]; lowRank: A [rank, n] or [count, rank, n] with H = A^T A; diagonal: [n] or [count, n]. */
  readonly kind: 'dense' | 'shared' | 'lowRank' | 'diagonal';
  readonly data: NumericArray;
  /** Rows of A; for 'lowRank' alone. */
  readonly rank?: number;
}

/** Options of {@link quadraticForm}. */
export interface QuadraticFormOptions {
  readonly hessian: Hessian;
  /** [count, n]; count follows from the length. */
  readonly vectors: NumericArray;
  readonly n: number;
  readonly backend?: Backend;
}

/**
 * v^T H v for every vector, with no factor 1/2.
 *
 * @shape vectors [count, n]; hessian.data by kind, see {@link Hessian}; result [count]
 * @param options - `hessian` { kind, data, rank }, `vectors`, `n`.
 * @returns One form per vector, in a new array.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_DOMAIN, BTM_SYMMETRY (dense and shared).
 * @numerics f64; H v by chains of fma, the dot product by the fixed tree.
 * @cost 2 n^2 FLOP a vector (dense, shared), 2 n rank (lowRank), 3 n (diagonal)
 * @paper (14), (17), without the 1/2
 * @example
 * ```ts
 * import { quadraticForm } from 'intermodel';
 * console.log(quadraticForm({ hessian: { kind: 'shared', data: [2, 1, 1, 3] }, vectors: [1, 1], n: 2 })); // Float64Array [7]
 * ```
 */
export function quadraticForm(options: QuadraticFormOptions): Float64Array {
  checkOptions(options);
  const n = checkInteger('n', options.n, 1, 2 ** 31 - 1);
  const count = Math.floor((options.vectors?.length ?? 0) / n);
  const vectors = checkVector('vectors', options.vectors, count * n);
  const { kind, data, rank, own } = checkHessian(options.hessian, count, n);
  const out = new Float64Array(count);
  const { kernels } = backendOf(options.backend);
  kernels.quadraticForm(out, data, vectors, count, n, HESSIAN_STORAGES.indexOf(kind), rank, own);
  return out;
}

function checkHessian(
  hessian: Hessian,
  count: number,
  n: number,
): { kind: Hessian['kind']; data: Float64Array; rank: number; own: number } {
  const kind = checkOneOf('hessian.kind', hessian?.kind, HESSIAN_STORAGES);
  const rank = kind === 'lowRank' ? checkInteger('hessian.rank', hessian.rank, 0, 2 ** 31 - 1) : 0;
  const one = kind === 'lowRank' ? rank * n : kind === 'diagonal' ? n : n * n;
  const each = kind === 'dense' || (kind !== 'shared' && count !== 1 && hessian.data?.length === count * one && one > 0);
  const data = checkVector('hessian.data', hessian.data, each ? count * one : one);
  if (kind === 'shared') checkSymmetric('hessian.data', data, n);
  if (kind === 'dense') for (let m = 0; m < count; m++) checkSymmetric('hessian.data', data, n, m * n * n);
  return { kind, data, rank, own: each ? 1 : 0 };
}

/** Options of {@link outputQuadraticForm}. */
export interface OutputQuadraticFormOptions {
  readonly loss: Loss;
  /** [batch, outputs]. */
  readonly logits: NumericArray;
  /** [batch, peers, outputs]. */
  readonly vectors: NumericArray;
  readonly batch: number;
  readonly outputs: number;
  readonly peers: number;
  readonly backend?: Backend;
}

/**
 * v^T H(z) v with H the Hessian of a loss with respect to its logits, for every sample and peer; no factor 1/2.
 *
 * @shape logits [batch, outputs], vectors [batch, peers, outputs]; result [batch, peers]
 * @param options - `loss`, `logits`, `vectors` and the sizes.
 * @returns The forms, never negative, in a new array.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_DOMAIN.
 * @numerics f64; centred before squaring, so adding a constant to v costs no digits and a saturated softmax keeps its curvature.
 * @cost about 6 outputs FLOP a vector, one exp a logit
 * @paper (2), (17)
 * @example
 * ```ts
 * import { outputQuadraticForm } from 'intermodel';
 * const logits = [0, Math.log(2), Math.log(3)];
 * console.log(outputQuadraticForm({ loss: 'softmaxCrossEntropy', logits, vectors: [1, 2, 3], batch: 1, outputs: 3, peers: 1 })); // about [0.5556]
 * ```
 */
export function outputQuadraticForm(options: OutputQuadraticFormOptions): Float64Array {
  checkOptions(options);
  const loss = checkOneOf('loss', options.loss, LOSSES);
  const batch = checkInteger('batch', options.batch, 0, 2 ** 31 - 1);
  const outputs = checkInteger('outputs', options.outputs, 1, 2 ** 31 - 1);
  const peers = checkInteger('peers', options.peers, 1, 2 ** 31 - 1);
  const logits = checkVector('logits', options.logits, batch * outputs);
  const vectors = checkVector('vectors', options.vectors, batch * peers * outputs);
  const out = new Float64Array(batch * peers);
  const { kernels } = backendOf(options.backend);
  kernels.outputQuadraticForm(out, logits, vectors, LOSSES.indexOf(loss), batch, outputs, peers);
  return out;
}

/** Options of {@link peerGram}. */
export interface PeerGramOptions extends HeadOptions, TargetOptions {
  /** Default 'softmaxCrossEntropy'. */
  readonly loss?: Loss;
  /** Over the batch. Default 'sum'. */
  readonly reduction?: 'sum' | 'mean';
  /** 'stacked': [batch * outputs, peers], exact; 'compact': pivoted Cholesky of the gram, at most `peers` rows. Default: stacked for one sample. */
  readonly factor?: 'stacked' | 'compact';
}

/** Result of {@link peerGram}. */
export interface PeerGram {
  /** [peers, peers], symmetric to the bit; its diagonal is the gaussNewton score. */
  readonly gram: Float64Array;
  /** A [rank, peers] with A^T A = gram: the 'lowRank' Hessian of the empirical model (14). */
  readonly factor: Float64Array;
  readonly rank: number;
  /** [peers], exact Shapley values of the quadratic removal game: the row sums of gram. */
  readonly shapley: Float64Array;
}

/**
 * The peers' Gram matrix G_ij = sum over samples of u_i^T H u_j, its low-rank factor, and exact Shapley values.
 *
 * The loss's H does not depend on labels or targets; they matter only for the weights of classes and for ignored labels.
 *
 * @shape responses [batch, sum of widths]; gram [peers, peers], factor [rank, peers], shapley [peers]
 * @param options - The head and batch; `factor` chooses how A is stored.
 * @returns New arrays.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_DOMAIN.
 * @numerics f64; gram's diagonal equals removalScores with 'gaussNewton' to the bit.
 * @cost removalScores plus 2 batch peers^2 outputs / 2 FLOP
 * @paper (14), (17): this matrix is the H of the empirical model
 * @example
 * ```ts
 * import { peerGram } from 'intermodel';
 * const head = { layers: [{ weights: [1, 0, 0, 1], bias: [0, 0], activation: 'identity' as const }] };
 * const { gram, shapley } = peerGram({ head, responses: [1, 1], batch: 1, peers: 2, width: 1 });
 * console.log(gram); // Float64Array [0.25, -0.25, -0.25, 0.25]
 * console.log(shapley); // Float64Array [0, 0]
 * ```
 */
export function peerGram(options: PeerGramOptions): PeerGram {
  checkOptions(options);
  const loss = checkOneOf('loss', options.loss ?? 'softmaxCrossEntropy', LOSSES);
  const reduction = checkOneOf('reduction', options.reduction ?? 'sum', ['sum', 'mean']);
  const data = checkBatch(options);
  const { responses, answered, head, widths, baseline, outputs, batch, peers } = data;
  const { weights, total } = checkTargets(loss, options, batch, outputs);
  const kind = checkOneOf('factor', options.factor ?? (batch === 1 ? 'stacked' : 'compact'), ['stacked', 'compact']);
  const gram = new Float64Array(peers * peers);
  const stacked = new Float64Array(kind === 'stacked' ? batch * outputs * peers : 0);
  const { kernels } = backendOf(options.backend);
  const code = LOSSES.indexOf(loss);
  const handle = head.on(kernels);
  checkResponses(kernels.peerGram(gram, stacked, responses, answered, handle, widths, baseline, weights, code, batch), data);
  if (reduction === 'mean' && total > 0) {
    const root = Math.sqrt(total);
    for (let k = 0; k < gram.length; k++) gram[k] /= total;
    for (let k = 0; k < stacked.length; k++) stacked[k] /= root;
  }
  const factor = kind === 'stacked' ? stacked : pivotedCholesky(gram, peers);
  const shapley = Float64Array.from({ length: peers }, (_, i) => treeSum(gram, i * peers, peers));
  return { gram, factor, rank: factor.length / peers, shapley };
}

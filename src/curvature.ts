/** The measure: quadratic forms of a loss's curvature along the removal of each peer (paper sections 1.2, 1.3 and 6.1). */
import { type Backend, defaultBackend, type Kernels } from './backend/index.js';
import { treeSum } from './core/arithmetic/index.js';
import { checkInteger, checkOneOf, checkSymmetric, checkVector, type NumericArray } from './core/validate.js';
import { drawNoise } from './curvature-noise.js';
import { type CheckedBatch, type CheckedTargets, checkBatch, checkTargets, type HeadOptions } from './head.js';
import { pivotedCholesky } from './reference/cholesky.js';
import { ESTIMATORS as FROM_SAMPLES, STORAGES } from './reference/curvature.js';
import { LOSSES, type Loss } from './reference/loss.js';

const ESTIMATORS = [...FROM_SAMPLES, 'nisp'] as const;
const REDUCTIONS = ['none', 'sum', 'mean'] as const;

/** How a removal score is estimated; see {@link removalScores}. */
export type Estimator = (typeof ESTIMATORS)[number];

/** What is done over the batch. */
export type Reduction = (typeof REDUCTIONS)[number];

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
  const n = checkInteger('n', options.n, 1, 2 ** 31 - 1);
  const count = Math.floor((options.vectors?.length ?? 0) / n);
  const vectors = checkVector('vectors', options.vectors, count * n);
  const { kind, data, rank, own } = checkHessian(options.hessian, count, n);
  const out = new Float64Array(count);
  const { kernels } = options.backend ?? defaultBackend();
  kernels.quadraticForm(out, data, vectors, count, n, STORAGES.indexOf(kind), rank, own);
  return out;
}

function checkHessian(
  hessian: Hessian,
  count: number,
  n: number,
): { kind: Hessian['kind']; data: Float64Array; rank: number; own: number } {
  const kind = checkOneOf('hessian.kind', hessian?.kind, STORAGES);
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
 * console.log(outputQuadraticForm({ loss: 'softmaxCrossEntropy', logits, vectors: [1, 2, 3], batch: 1, outputs: 3, peers: 1 })); // about [5 / 9]
 * ```
 */
export function outputQuadraticForm(options: OutputQuadraticFormOptions): Float64Array {
  const loss = checkOneOf('loss', options.loss, LOSSES);
  const batch = checkInteger('batch', options.batch, 0, 2 ** 31 - 1);
  const outputs = checkInteger('outputs', options.outputs, 1, 2 ** 31 - 1);
  const peers = checkInteger('peers', options.peers, 1, 2 ** 31 - 1);
  const logits = checkVector('logits', options.logits, batch * outputs);
  const vectors = checkVector('vectors', options.vectors, batch * peers * outputs);
  const out = new Float64Array(batch * peers);
  const { kernels } = options.backend ?? defaultBackend();
  kernels.outputQuadraticForm(out, logits, vectors, LOSSES.indexOf(loss), batch, outputs, peers);
  return out;
}

/** Options of {@link removalScores}. */
export interface RemovalOptions extends HeadOptions {
  /** Default 'gaussNewton'. */
  readonly estimator?: Estimator;
  /** Over the batch. Default 'sum', as the paper's (2). */
  readonly reduction?: Reduction;
  /** Default 'softmaxCrossEntropy'. */
  readonly loss?: Loss;
  /** Class of each sample, for 'softmaxCrossEntropy'; needed by taylor2, firstOrder, empiricalFisher and ablation. */
  readonly labels?: ArrayLike<number>;
  /** [batch, outputs], what labels are for the other losses; in [0, 1] for 'binaryCrossEntropy'. */
  readonly targets?: NumericArray;
  /** monteCarloFisher: targets drawn per sample. Default 16. */
  readonly draws?: number;
  /** monteCarloFisher: seed of the draws. Default 0. */
  readonly seed?: number;
  /** monteCarloFisher: number of the batch's first sample, so that a split batch draws what the whole would. Default 0. */
  readonly firstSample?: number;
}

/** Result of {@link removalScores}. */
export interface RemovalScores {
  /** [peers], or [batch, peers] with reduction 'none'. */
  readonly scores: Float64Array;
  /** Share of the dropped first-order term, |l| / (|l| + q / 2), in the shape of scores; null without labels or targets. */
  readonly linearShare: Float64Array | null;
  /** 'overflow' when a score is beyond the range of f64: scale the responses or the head down. */
  readonly status: 'ok' | 'overflow';
  readonly estimator: Estimator;
  readonly loss: Loss;
  readonly reduction: Reduction;
}

/**
 * What removing each peer's response does to the loss of a head, by the estimator asked for.
 *
 * With u_i = J_i f_i, g = dQ/dz, H the output Hessian, and removal moving z by v_i:
 *
 * | estimator | per sample | needs labels |
 * |---|---|---|
 * | gaussNewton | u_i^T H u_i | |
 * | taylor2 | -g.u_i + 1/2 u_i^T H u_i | yes |
 * | firstOrder | -g.u_i | yes |
 * | empiricalFisher | (g.u_i)^2 | yes |
 * | monteCarloFisher | mean of (g.u_i)^2 over targets drawn from the model | |
 * | relativeEntropy | KL(p, p without i), exact | |
 * | ablation | Q without i - Q, exact | yes |
 * | diagonal | sum_m h_mm F_m^2 over the peer's responses | |
 * | nisp | ones carried back through abs(W)^T: reads the head alone | |
 *
 * @shape responses [batch, peers, width]; scores [peers] or [batch, peers]
 * @param options - The head and batch, and how to score it.
 * @returns Scores, the share of the linear term where labels allow it, and a status.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_LABEL, BTM_DOMAIN.
 * @numerics f64, the same bits for any backend, instruction set and number of threads; sums over samples by the fixed tree.
 * @cost forward pass plus one forward tangent per peer and sample; the first layer is shared between them
 * @paper (2), (17), (25)
 * @example
 * ```ts
 * import { removalScores } from 'intermodel';
 * const head = { layers: [{ weights: [1, 0, 0, 1], bias: [0, 0], activation: 'identity' as const }] };
 * const { scores } = removalScores({ head, responses: [1, 2], batch: 1, peers: 2, width: 1, estimator: 'gaussNewton', reduction: 'sum' });
 * console.log(scores); // about [0.1966, 0.7864]
 * ```
 */
export function removalScores(options: RemovalOptions): RemovalScores {
  const estimator = checkOneOf('estimator', options.estimator ?? 'gaussNewton', ESTIMATORS);
  const reduction = checkOneOf('reduction', options.reduction ?? 'sum', REDUCTIONS);
  const loss = checkOneOf('loss', options.loss ?? 'softmaxCrossEntropy', LOSSES);
  const data = checkBatch(options);
  const targets = checkTargets(loss, options, data.batch, data.outputs, labelsNeededBy(estimator));
  const { kernels } = options.backend ?? defaultBackend();
  const cells = data.batch * data.peers;
  const perSample = new Float64Array(cells);
  const linear = new Float64Array(targets === null ? 0 : cells);
  const quadratic = new Float64Array(targets === null ? 0 : cells);
  if (estimator === 'nisp') {
    scoreByImportance(kernels, perSample, data);
    if (targets !== null) runChunks(kernels, new Float64Array(cells), linear, quadratic, data, targets, 'gaussNewton', loss, options);
  } else {
    runChunks(kernels, perSample, linear, quadratic, data, targets, estimator, loss, options);
  }
  const reduce = (values: Float64Array) => reduceSamples(kernels, values, data.batch, data.peers, reduction);
  const scores = reduce(perSample);
  return {
    scores,
    linearShare: targets === null ? null : shareOf(reduce(linear), reduce(quadratic)),
    status: scores.every(Number.isFinite) ? 'ok' : 'overflow',
    estimator,
    loss,
    reduction,
  };
}

function labelsNeededBy(estimator: Estimator): string | undefined {
  return ['taylor2', 'firstOrder', 'empiricalFisher', 'ablation'].includes(estimator) ? `estimator '${estimator}'` : undefined;
}

function scoreByImportance(kernels: Kernels, perSample: Float64Array, data: CheckedBatch): void {
  const row = new Float64Array(data.peers);
  kernels.importance(row, data.parameters, data.sizes, data.activations, data.peers, data.width);
  for (let b = 0; b < data.batch; b++) perSample.set(row, b * data.peers);
}

/** Numbers of random noise held at once. */
const NOISE_LIMIT = 2 ** 18;

/** Runs the kernel over the batch, in pieces where random draws would otherwise fill memory; pieces do not change a bit. */
function runChunks(
  kernels: Kernels,
  scores: Float64Array,
  linear: Float64Array,
  quadratic: Float64Array,
  data: CheckedBatch,
  targets: CheckedTargets | null,
  estimator: (typeof FROM_SAMPLES)[number],
  loss: Loss,
  options: RemovalOptions,
): void {
  const { batch, peers, width, outputs } = data;
  const random = estimator === 'monteCarloFisher';
  const draws = random ? checkInteger('draws', options.draws ?? 16, 1, 2 ** 24) : 0;
  const seed = checkInteger('seed', options.seed ?? 0, 0);
  const firstSample = checkInteger('firstSample', options.firstSample ?? 0, 0, 2 ** 31 - 1);
  const noisePerSample = draws * (loss === 'softmaxCrossEntropy' ? 1 : outputs);
  const rows = random ? Math.max(1, Math.floor(NOISE_LIMIT / noisePerSample)) : Math.max(1, batch);
  for (let start = 0; start < batch; start += rows) {
    const end = Math.min(batch, start + rows);
    const noise = random ? drawNoise(loss, seed, firstSample + start, end - start, draws, outputs) : new Float64Array(0);
    kernels.removalScores(
      scores.subarray(start * peers, end * peers),
      linear.subarray(start * peers, end * peers),
      quadratic.subarray(start * peers, end * peers),
      data.responses.subarray(start * peers * width, end * peers * width),
      data.parameters,
      data.sizes,
      data.activations,
      targets?.labels.subarray(start, end) ?? new Int32Array(0),
      targets?.targets.subarray(start * outputs, end * outputs) ?? new Float64Array(0),
      noise,
      draws,
      FROM_SAMPLES.indexOf(estimator),
      LOSSES.indexOf(loss),
      end - start,
      peers,
      width,
    );
  }
}

function reduceSamples(kernels: Kernels, values: Float64Array, batch: number, columns: number, reduction: Reduction): Float64Array {
  if (reduction === 'none') return values;
  const out = new Float64Array(columns);
  kernels.sumSamples(out, values, batch, columns);
  if (reduction === 'mean' && batch > 0) for (let c = 0; c < columns; c++) out[c] /= batch;
  return out;
}

function shareOf(linear: Float64Array, quadratic: Float64Array): Float64Array {
  return linear.map((value, k) => {
    const first = Math.abs(value);
    const total = first + quadratic[k] / 2;
    return total > 0 ? first / total : 0;
  });
}

/** Options of {@link peerGram}. */
export interface PeerGramOptions extends HeadOptions {
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
 * @shape responses [batch, peers, width]; gram [peers, peers], factor [rank, peers], shapley [peers]
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
 * console.log(gram, shapley); // [0.25, -0.25, -0.25, 0.25], [0, 0]
 * ```
 */
export function peerGram(options: PeerGramOptions): PeerGram {
  const loss = checkOneOf('loss', options.loss ?? 'softmaxCrossEntropy', LOSSES);
  const reduction = checkOneOf('reduction', options.reduction ?? 'sum', ['sum', 'mean']);
  const { responses, parameters, sizes, activations, outputs, batch, peers, width } = checkBatch(options);
  const kind = checkOneOf('factor', options.factor ?? (batch === 1 ? 'stacked' : 'compact'), ['stacked', 'compact']);
  const gram = new Float64Array(peers * peers);
  const stacked = new Float64Array(kind === 'stacked' ? batch * outputs * peers : 0);
  const { kernels } = options.backend ?? defaultBackend();
  kernels.peerGram(gram, stacked, responses, parameters, sizes, activations, LOSSES.indexOf(loss), batch, peers, width);
  if (reduction === 'mean' && batch > 0) {
    const root = Math.sqrt(batch);
    for (let k = 0; k < gram.length; k++) gram[k] /= batch;
    for (let k = 0; k < stacked.length; k++) stacked[k] /= root;
  }
  const factor = kind === 'stacked' ? stacked : pivotedCholesky(gram, peers);
  const shapley = Float64Array.from({ length: peers }, (_, i) => treeSum(gram, i * peers, peers));
  return { gram, factor, rank: factor.length / peers, shapley };
}

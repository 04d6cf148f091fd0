/** Removal scores: what taking each peer's response away does to the loss of a head (paper sections 1.2, 1.3 and 6.1). */
import { defaultBackend, type Kernels } from './backend/index.js';
import { checkFinite, checkInteger, checkOneOf, type Labels, type NumericArray } from './core/validate.js';
import { drawNoise } from './curvature-noise.js';
import {
  type CheckedBatch,
  type CheckedTargets,
  checkBatch,
  checkOptions,
  checkResponses,
  checkTargets,
  type HeadOptions,
} from './head.js';
import { type Association, spearman } from './reference/correlation.js';
import { ESTIMATORS as FROM_SAMPLES } from './reference/curvature.js';
import { LOSSES, type Loss } from './reference/loss.js';

const ESTIMATORS = [...FROM_SAMPLES, 'nisp'] as const;
const REDUCTIONS = ['none', 'sum', 'mean'] as const;

/** How a removal score is estimated; see {@link removalScores}. */
export type Estimator = (typeof ESTIMATORS)[number];

/** What is done over the batch. */
export type Reduction = (typeof REDUCTIONS)[number];

/** Options of {@link removalScores}. */
export interface RemovalOptions extends HeadOptions {
  /** Default 'gaussNewton'. */
  readonly estimator?: Estimator;
  /** Over the batch. Default 'sum', as the paper's (2). */
  readonly reduction?: Reduction;
  /** Default 'softmaxCrossEntropy'. */
  readonly loss?: Loss;
  /** Class of each sample, for 'softmaxCrossEntropy'; needed by taylor2, firstOrder, empiricalFisher and ablation. */
  readonly labels?: Labels;
  /** [batch, outputs], what labels are for the other losses; in [0, 1] for 'binaryCrossEntropy'. */
  readonly targets?: NumericArray;
  /** monteCarloFisher: targets drawn per sample. Default 16. */
  readonly draws?: number;
  /** monteCarloFisher: seed of the draws. Default 0. */
  readonly seed?: number;
  /** monteCarloFisher: number of the batch's first sample, so that a split batch draws what the whole would. Default 0. */
  readonly firstSample?: number;
  /** Also compute the exact ablation and the rank correlation with it; needs labels or targets. Default false. */
  readonly compareAblation?: boolean;
}

/** Result of {@link removalScores}. */
export interface RemovalScores {
  /** [peers], or [batch, peers] with reduction 'none'. */
  readonly scores: Float64Array;
  /**
   * Share of the dropped first-order term, |l| / (|l| + q / 2), in the shape of scores; 0 where both are 0, because nothing was dropped;
   * null without labels or targets.
   */
  readonly linearShare: Float64Array | null;
  /** With compareAblation: exact scores in the shape of scores, and Spearman's coefficient of the two sums over the batch. */
  readonly ablation: { readonly scores: Float64Array; readonly rankCorrelation: Association } | null;
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
 * | diagonal | sum_m h_mm F_m^2 over the peer's responses, h_mm the diagonal of the Gauss-Newton matrix J^T H J | |
 * | nisp | ones carried back through abs(W)^T: reads the head alone | |
 *
 * @shape responses [batch, peers, width]; scores [peers] or [batch, peers]
 * @param options - The head and batch, and how to score it.
 * @returns Scores, the share of the linear term where labels allow it, and a status.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_LABEL, BTM_DOMAIN.
 * @numerics f64, the same bits for any backend, instruction set and number of threads; sums over samples by the fixed tree. ablation and
 *   relativeEntropy keep their digits with floors among the responses (-1e30, the smallest float), with certain labels and with tiny
 *   responses; the first-order estimators with certain labels (docs/concepts/curvature.md, Digits). relu's slope at 0 is 0.
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
  checkOptions(options);
  const estimator = checkOneOf('estimator', options.estimator ?? 'gaussNewton', ESTIMATORS);
  const reduction = checkOneOf('reduction', options.reduction ?? 'sum', REDUCTIONS);
  const loss = checkOneOf('loss', options.loss ?? 'softmaxCrossEntropy', LOSSES);
  const data = checkBatch(options);
  const compared = options.compareAblation === true;
  const neededBy = compared ? 'compareAblation' : labelsNeededBy(estimator);
  const targets = checkTargets(loss, options, data.batch, data.outputs, neededBy);
  const { kernels } = options.backend ?? defaultBackend();
  const call = { kernels, data, targets, loss, random: checkRandom(options) };
  const reduce = (values: Float64Array, by: Reduction) => reduceSamples(kernels, values, data.batch, data.peers, by);
  const { perSample, linear, quadratic } = scoreSamples(call, estimator, targets !== null);
  const scores = reduce(perSample, reduction);
  const status = scores.every(Number.isFinite) ? 'ok' : 'overflow';
  let ablation: RemovalScores['ablation'] = null;
  if (compared) {
    const exact = scoreSamples(call, 'ablation', false).perSample;
    const rankCorrelation = correlate(reduce(perSample, 'sum'), reduce(exact, 'sum'));
    ablation = { scores: reduce(exact, reduction), rankCorrelation };
  }
  const linearShare = targets === null ? null : shareOf(reduce(linear, reduction), reduce(quadratic, reduction));
  return { scores, linearShare, ablation, status, estimator, loss, reduction };
}

/** What a call of the kernel needs besides its estimator. */
interface Call {
  readonly kernels: Kernels;
  readonly data: CheckedBatch;
  readonly targets: CheckedTargets | null;
  readonly loss: Loss;
  readonly random: { readonly draws: number; readonly seed: number; readonly firstSample: number };
}

/** Scores of every sample [batch, peers]; the two Taylor terms beside them where asked for, else empty. */
interface SampleScores {
  readonly perSample: Float64Array;
  readonly linear: Float64Array;
  readonly quadratic: Float64Array;
}

function checkRandom(options: RemovalOptions): Call['random'] {
  return {
    draws: checkInteger('draws', options.draws ?? 16, 1, 2 ** 24),
    seed: checkInteger('seed', options.seed ?? 0, 0),
    firstSample: checkInteger('firstSample', options.firstSample ?? 0, 0, 2 ** 31 - 1),
  };
}

function scoreSamples(call: Call, estimator: Estimator, terms: boolean): SampleScores {
  const { batch, peers } = call.data;
  const cells = batch * peers;
  const result = {
    perSample: new Float64Array(cells),
    linear: new Float64Array(terms ? cells : 0),
    quadratic: new Float64Array(terms ? cells : 0),
  };
  if (estimator !== 'nisp') {
    runChunks(call, estimator, result);
    return result;
  }
  if (terms) runChunks(call, 'gaussNewton', result);
  else checkFinite('responses', call.data.responses); // no kernel reads them
  const { parameters, sizes, activations, width } = call.data;
  const row = new Float64Array(peers);
  call.kernels.importance(row, parameters, sizes, activations, peers, width);
  for (let b = 0; b < batch; b++) result.perSample.set(row, b * peers);
  return result;
}

function correlate(scores: Float64Array, exact: Float64Array): Association {
  const finite = scores.every(Number.isFinite) && exact.every(Number.isFinite);
  return finite ? spearman(scores, exact) : { value: null, reason: 'a score is beyond the range of f64' };
}

function labelsNeededBy(estimator: Estimator): string | undefined {
  return ['taylor2', 'firstOrder', 'empiricalFisher', 'ablation'].includes(estimator) ? `estimator '${estimator}'` : undefined;
}

/** Numbers of random noise held at once. */
const NOISE_LIMIT = 2 ** 18;

/** Runs the kernel over the batch, in pieces where random draws would otherwise fill memory; pieces do not change a bit. */
function runChunks(call: Call, estimator: (typeof FROM_SAMPLES)[number], out: SampleScores): void {
  const { batch, peers, width, outputs, parameters, sizes, activations, responses } = call.data;
  const { draws, seed, firstSample } = call.random;
  const random = estimator === 'monteCarloFisher';
  const noisePerSample = draws * (call.loss === 'softmaxCrossEntropy' ? 1 : outputs);
  const rows = random ? Math.max(1, Math.floor(NOISE_LIMIT / noisePerSample)) : Math.max(1, batch);
  for (let start = 0; start < batch; start += rows) {
    const end = Math.min(batch, start + rows);
    const finite = call.kernels.removalScores(
      out.perSample.subarray(start * peers, end * peers),
      out.linear.subarray(start * peers, end * peers),
      out.quadratic.subarray(start * peers, end * peers),
      responses.subarray(start * peers * width, end * peers * width),
      parameters,
      sizes,
      activations,
      call.targets?.labels.subarray(start, end) ?? new Int32Array(0),
      call.targets?.targets.subarray(start * outputs, end * outputs) ?? new Float64Array(0),
      random ? drawNoise(call.loss, seed, firstSample + start, end - start, draws, outputs) : new Float64Array(0),
      random ? draws : 0,
      FROM_SAMPLES.indexOf(estimator),
      LOSSES.indexOf(call.loss),
      end - start,
      peers,
      width,
    );
    checkResponses(finite, responses);
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

/** Removal scores: what taking each peer's response away does to the loss of a head (paper sections 1.2, 1.3 and 6.1). */
import { backendOf, type Kernels } from './backend/index.js';
import { ESTIMATORS, type Estimator, LOSSES, type Loss, REDUCTIONS, type Reduction, SAMPLE_ESTIMATORS } from './core/closed-lists.js';
import { InputError } from './core/errors.js';
import { checkFinite, checkInteger, checkOneOf, checkOptions } from './core/validate.js';
import { drawNoise } from './curvature-noise.js';
import { type CheckedBatch, checkBatch, checkResponses, type HeadOptions } from './head-batch.js';
import { type CheckedTargets, checkTargets, type TargetOptions } from './head-targets.js';
import { type Association, spearman } from './reference/correlation.js';

export type { Estimator, Reduction } from './core/closed-lists.js';

/** Options of {@link removalScores}. */
export interface RemovalOptions extends HeadOptions, TargetOptions {
  /** Default 'gaussNewton'. taylor2, firstOrder, empiricalFisher and ablation need labels or targets. */
  readonly estimator?: Estimator;
  /** Over the batch. Default 'sum', as the paper's (2). A mean is divided by the sum of the weights. */
  readonly reduction?: Reduction;
  /** Default 'softmaxCrossEntropy'. */
  readonly loss?: Loss;
  /**
   * 'f64' (default), or 'f32' for 'gaussNewton' over one layer without activation, with every peer's answer and no baseline: weights,
   * responses and sums of every sample are then single precision, the sums over samples are not. Numbers are rounded to f32 first.
   */
  readonly precision?: 'f64' | 'f32';
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
   * null without labels or targets, and in single precision.
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
 * Removing peer i puts its baseline in the place of its answer: Delta F_i = baseline_i - F_i, zero by default (R-05). With the mean of the
 * answers as the baseline, heads with equal logits give equal scores, however they are parametrised. A peer that did not answer scores 0.
 *
 * @shape responses [batch, sum of widths]; scores [peers] or [batch, peers]
 * @param options - The head and batch, and how to score it.
 * @returns Scores, the share of the linear term where labels allow it, and a status.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_LABEL, BTM_DOMAIN.
 * @numerics f64, the same bits for any backend, instruction set and number of threads; sums over samples by the fixed tree. So it is in
 *   f32, where a score of a sample is within 4e-6 of the sum of its terms' sizes (docs/concepts/curvature.md, Single precision). ablation and
 *   relativeEntropy keep their digits with floors among the responses (-1e30, the smallest float), with certain labels and with tiny
 *   responses; the first-order estimators with certain labels (docs/concepts/curvature.md, Digits). relu's slope at 0 is 0.
 * @cost forward pass plus one forward tangent per peer and sample; the first layer is shared between them
 * @paper (2), (17), (25); R-03, R-05, R-24
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
  const precision = checkOneOf('precision', options.precision ?? 'f64', ['f64', 'f32']);
  const data = checkBatch(options);
  const compared = options.compareAblation === true;
  const neededBy = compared ? 'compareAblation' : labelsNeededBy(estimator);
  const targets = checkTargets(loss, options, data.batch, data.outputs, neededBy);
  const { kernels } = backendOf(options.backend);
  const call = { kernels, data, targets, loss, random: checkRandom(options), groups: singles(data.peers) };
  const reduce = (values: Float64Array, by: Reduction) => reduceScores(call, values, by);
  if (precision === 'f32') {
    const scores = reduce(scoreSingle(call, options, estimator), reduction);
    const status = scores.every(Number.isFinite) ? 'ok' : 'overflow';
    return { scores, linearShare: null, ablation: null, status, estimator, loss, reduction };
  }
  const { perSample, linear, quadratic } = scoreSamples(call, estimator, targets.given);
  const scores = reduce(perSample, reduction);
  const status = scores.every(Number.isFinite) ? 'ok' : 'overflow';
  let ablation: RemovalScores['ablation'] = null;
  if (compared) {
    const exact = scoreSamples(call, 'ablation', false).perSample;
    const rankCorrelation = correlate(reduce(perSample, 'sum'), reduce(exact, 'sum'));
    ablation = { scores: reduce(exact, reduction), rankCorrelation };
  }
  const linearShare = targets.given ? shareOf(reduce(linear, reduction), reduce(quadratic, reduction)) : null;
  return { scores, linearShare, ablation, status, estimator, loss, reduction };
}

/** Peers that are removed together, as kernels read them: ascending members, one list after the other; no offsets: each peer alone. */
export interface PackedGroups {
  readonly count: number;
  readonly offsets: Int32Array;
  readonly members: Int32Array;
}

function singles(peers: number): PackedGroups {
  return { count: peers, offsets: NO_INTEGERS, members: NO_INTEGERS };
}

const NO_INTEGERS = new Int32Array(0);
const NO_NUMBERS = new Float64Array(0);

/** What a call of the kernel needs besides its estimator. */
export interface Call {
  readonly kernels: Kernels;
  readonly data: CheckedBatch;
  readonly targets: CheckedTargets;
  readonly groups: PackedGroups;
  readonly loss: Loss;
  readonly random: { readonly draws: number; readonly seed: number; readonly firstSample: number };
}

/** Scores of every sample [batch, groups]; the two Taylor terms beside them where asked for, else empty. */
export interface SampleScores {
  readonly perSample: Float64Array;
  readonly linear: Float64Array;
  readonly quadratic: Float64Array;
}

const DEFAULT_RANDOM: Call['random'] = { draws: 16, seed: 0, firstSample: 0 };

/** Checks what monteCarloFisher draws. */
export function checkRandom(options: Pick<RemovalOptions, 'draws' | 'seed' | 'firstSample'>): Call['random'] {
  if (options.draws === undefined && options.seed === undefined && options.firstSample === undefined) return DEFAULT_RANDOM;
  return {
    draws: checkInteger('draws', options.draws ?? DEFAULT_RANDOM.draws, 1, 2 ** 24),
    seed: checkInteger('seed', options.seed ?? DEFAULT_RANDOM.seed, 0),
    firstSample: checkInteger('firstSample', options.firstSample ?? DEFAULT_RANDOM.firstSample, 0, 2 ** 31 - 1),
  };
}

/** Scores of every sample and group, and the two Taylor terms where asked for. */
export function scoreSamples(call: Call, estimator: Estimator, terms: boolean): SampleScores {
  const { batch, peers } = call.data;
  const cells = batch * call.groups.count;
  const result = {
    perSample: new Float64Array(cells),
    linear: terms ? new Float64Array(cells) : NO_NUMBERS,
    quadratic: terms ? new Float64Array(cells) : NO_NUMBERS,
  };
  if (estimator !== 'nisp') {
    runChunks(call, estimator, result);
    return result;
  }
  if (terms) runChunks(call, 'gaussNewton', result);
  else checkResponses(false, call.data); // no kernel reads them
  const { head, widths } = call.data;
  const { weights } = call.targets;
  const row = new Float64Array(peers);
  call.kernels.importance(row, head.on(call.kernels), widths);
  for (let b = 0; b < batch; b++) {
    const weight = weights.length === 0 ? 1 : weights[b];
    for (let i = 0; i < peers; i++) result.perSample[b * peers + i] = weight * row[i];
  }
  return result;
}

/** Scores of every sample in single precision [batch, peers]. */
function scoreSingle(call: Call, options: RemovalOptions, estimator: Estimator): Float64Array {
  const { head, widths, batch, peers } = call.data;
  const refuse = (argument: string, problem: string): never => {
    throw new InputError('BTM_DOMAIN', `${problem} with precision 'f32'`, { argument, remedy: "Leave precision at 'f64'." });
  };
  if (estimator !== 'gaussNewton') refuse('estimator', "must be 'gaussNewton'");
  if (options.compareAblation === true) refuse('compareAblation', 'must be false');
  if (options.baseline !== undefined) refuse('baseline', 'must not be given');
  if (options.answered !== undefined) refuse('answered', 'must not be given');
  if (!head.isLinear) refuse('head.layers', "must be one layer with activation 'identity'");
  if (head.largest > LARGEST_SINGLE) refuse('head.layers[0]', `must hold numbers of at most ${LARGEST_SINGLE}`);
  const { responses } = call.data;
  const single = responses instanceof Float32Array ? responses : Float32Array.from(responses);
  const scores = new Float64Array(batch * peers);
  const { kernels, targets, loss } = call;
  const code = LOSSES.indexOf(loss);
  const finite = kernels.removalScoresSingle(scores, single, head.on(kernels), widths, targets.weights, code, batch);
  if (!finite) checkFinite('responses', single);
  return scores;
}

const LARGEST_SINGLE = 3.4028234663852886e38;

function correlate(scores: Float64Array, exact: Float64Array): Association {
  const finite = scores.every(Number.isFinite) && exact.every(Number.isFinite);
  return finite ? spearman(scores, exact) : { value: null, reason: 'a score is beyond the range of f64' };
}

/** What asks for labels or targets, if anything does. */
export function labelsNeededBy(estimator: Estimator): string | undefined {
  return ['taylor2', 'firstOrder', 'empiricalFisher', 'ablation'].includes(estimator) ? `estimator '${estimator}'` : undefined;
}

/** Numbers of random noise held at once. */
const NOISE_LIMIT = 2 ** 18;

/** Runs the kernel over the batch, in pieces where random draws would otherwise fill memory; pieces do not change a bit. */
function runChunks(call: Call, estimator: (typeof SAMPLE_ESTIMATORS)[number], out: SampleScores): void {
  const { batch, inputs, outputs, responses, answered, head, widths, baseline, peers } = call.data;
  const { labels, targets, weights } = call.targets;
  const { count, offsets, members } = call.groups;
  const { draws, seed, firstSample } = call.random;
  const random = estimator === 'monteCarloFisher';
  const noisePerSample = draws * (call.loss === 'softmaxCrossEntropy' ? 1 : outputs);
  const rows = random ? Math.max(1, Math.floor(NOISE_LIMIT / noisePerSample)) : Math.max(1, batch);
  const handle = head.on(call.kernels);
  const estimatorCode = SAMPLE_ESTIMATORS.indexOf(estimator);
  const lossCode = LOSSES.indexOf(call.loss);
  for (let start = 0; start < batch; start += rows) {
    const end = Math.min(batch, start + rows);
    const whole = end - start === batch; // a view costs as much as the kernel of a small batch
    const part = <T extends Float64Array | Float32Array | Int32Array>(array: T, row: number) =>
      (whole ? array : array.subarray(start * row, end * row)) as T;
    const finite = call.kernels.removalScores(
      part(out.perSample, count),
      part(out.linear, count),
      part(out.quadratic, count),
      part(responses, inputs),
      part(answered, peers),
      handle,
      widths,
      baseline,
      part(labels, 1),
      part(targets, outputs),
      part(weights, 1),
      offsets,
      members,
      random ? drawNoise(call.loss, seed, firstSample + start, end - start, draws, outputs) : NO_NUMBERS,
      random ? draws : 0,
      estimatorCode,
      lossCode,
      end - start,
    );
    checkResponses(finite, call.data);
  }
}

/** Scores over the batch; a mean is divided by the sum of the weights. */
export function reduceScores(call: Call, values: Float64Array, reduction: Reduction): Float64Array {
  if (reduction === 'none') return values;
  const { count } = call.groups;
  const out = new Float64Array(count);
  if (call.data.batch === 1)
    for (let c = 0; c < count; c++) out[c] = values[c] + 0; // the tree of one number
  else call.kernels.sumSamples(out, values, call.data.batch, count);
  const { total } = call.targets;
  if (reduction === 'mean' && total > 0) for (let c = 0; c < count; c++) out[c] /= total;
  return out;
}

/** |l| / (|l| + q / 2), 0 where both are 0. */
export function shareOf(linear: Float64Array, quadratic: Float64Array): Float64Array {
  return linear.map((value, k) => {
    const first = Math.abs(value);
    const total = first + quadratic[k] / 2;
    return total > 0 ? first / total : 0;
  });
}

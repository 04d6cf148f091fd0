/**
 * What removing a peer does to the loss of a head, in plain TypeScript: the oracle of the native kernels.
 * Kernel conventions: outputs first, then inputs, then sizes; arrays flat and row-major; arguments already validated.
 */

import { fma, matVec, treeDot, treeSum, treeSumOf } from '../core/arithmetic/index.js';
import { HESSIAN_STORAGES, LOSSES, type Loss, SAMPLE_ESTIMATORS, type SampleEstimator } from '../core/closed-lists.js';
import {
  type Forward,
  firstIsFinite,
  forward,
  type Layer,
  offsetsOf,
  overPeers,
  partOf,
  type ReferenceHead,
  type Responses,
  removal,
  tangent,
} from './head.js';
import {
  ablation,
  bilinearForm,
  curvatureWeights,
  labelSlope,
  outputForm,
  prediction,
  relativeEntropy,
  residuals,
  slopeAlong,
  type Target,
  targetOf,
  weighted,
} from './loss.js';

/** v_m^T H_m v_m for each of `count` vectors of length n; `own` is 1 when every vector has a Hessian of its own. */
export function quadraticForm(
  out: Float64Array,
  data: Float64Array,
  vectors: Float64Array,
  count: number,
  n: number,
  storage: number,
  rank: number,
  own: number,
): void {
  const kind = HESSIAN_STORAGES[storage];
  const stride = own === 0 ? 0 : kind === 'lowRank' ? rank * n : kind === 'diagonal' ? n : n * n;
  for (let m = 0; m < count; m++) {
    const v = vectors.subarray(m * n, (m + 1) * n);
    const hessian = data.subarray(m * stride);
    if (kind === 'lowRank') {
      const projected = matVec(hessian, v, rank, n);
      out[m] = treeDot(projected, projected);
    } else if (kind === 'diagonal') {
      out[m] = bilinearForm(hessian.subarray(0, n), v, v);
    } else {
      out[m] = treeDot(v, matVec(hessian, v, n, n));
    }
  }
}

/** v^T H(z) v for every sample and peer: out [batch, peers], logits [batch, outputs], vectors [batch, peers, outputs]. */
export function outputQuadraticForm(
  out: Float64Array,
  logits: Float64Array,
  vectors: Float64Array,
  lossCode: number,
  batch: number,
  outputs: number,
  peers: number,
): void {
  const loss = LOSSES[lossCode];
  for (let b = 0; b < batch; b++) {
    const weights = curvatureWeights(loss, logits.subarray(b * outputs, (b + 1) * outputs));
    for (let i = 0; i < peers; i++) {
      const at = (b * peers + i) * outputs;
      out[b * peers + i] = outputForm(loss, weights, vectors.subarray(at, at + outputs));
    }
  }
}

/**
 * Removal scores of every group at every sample: scores [batch, groups]. Group g holds the peers groupMembers[groupOffsets[g]] up to the
 * next offset, in ascending order; no offsets at all make every peer a group. `linear` and `quadratic` are either empty or
 * [batch, groups] and receive the first-order term -g.F and the Gauss-Newton form q.
 * baseline is empty (zero) or [inputs], what stands in for a removed peer; answered is empty or [batch, peers], 0 where it stands in anyway.
 * Labels are read for softmax cross-entropy, targets [batch, outputs] for the other losses and for soft labels, and both may be empty
 * where the estimator needs none. sampleWeights is empty or [batch]. noise [batch, draws, 1 or outputs] is read by monteCarloFisher alone.
 */
export function removalScores(
  scores: Float64Array,
  linear: Float64Array,
  quadratic: Float64Array,
  responses: Responses,
  answered: Int32Array,
  head: object,
  widths: Int32Array,
  baseline: Float64Array,
  labels: Int32Array,
  targets: Float64Array,
  sampleWeights: Float64Array,
  groupOffsets: Int32Array,
  groupMembers: Int32Array,
  noise: Float64Array,
  draws: number,
  estimatorCode: number,
  lossCode: number,
  batch: number,
): boolean {
  const { layers, inputs, outputs, peers, offsets, shifts } = overPeers(head, widths, baseline);
  const groups = groupsOf(groupOffsets, groupMembers, peers);
  const loss = LOSSES[lossCode];
  const estimator = SAMPLE_ESTIMATORS[estimatorCode];
  const noiseRow = noise.length === 0 ? 0 : noise.length / batch;
  let finite = true;
  for (let b = 0; b < batch; b++) {
    const response = responses.subarray(b * inputs, (b + 1) * inputs);
    const present = answered.subarray(b * peers, (b + 1) * peers);
    const target = targetOf(labels, targets, b, outputs);
    const pass = forward(layers, response, offsets, shifts, present);
    const sample = prepare(layers, loss, target, pass, noise.subarray(b * noiseRow, (b + 1) * noiseRow), draws);
    finite &&= firstIsFinite(sample.pass);
    for (const [g, members] of groups.entries()) {
      const at = b * groups.length + g;
      const value =
        estimator === 'diagonal'
          ? diagonalForm(sample, response, baseline, present, offsets, members[0])
          : score(estimator, sample, members);
      scores[at] = weighted(sampleWeights, b, value);
      if (linear.length === 0) continue;
      const u = direction(sample, members);
      linear[at] = weighted(sampleWeights, b, -slopeAlong(loss, sample.logits, sample.predicted, u, target));
      quadratic[at] = weighted(sampleWeights, b, outputForm(loss, sample.weights, u));
    }
  }
  return finite;
}

function groupsOf(offsets: Int32Array, members: Int32Array, peers: number): ArrayLike<number>[] {
  if (offsets.length === 0) return Array.from({ length: peers }, (_, peer) => [peer]);
  return Array.from({ length: offsets.length - 1 }, (_, g) => members.subarray(offsets[g], offsets[g + 1]));
}

/** Everything about one sample that the estimators share. */
interface Sample {
  readonly layers: Layer[];
  readonly loss: Loss;
  readonly target: Target;
  readonly noise: Float64Array;
  readonly draws: number;
  readonly pass: Forward;
  readonly logits: Float64Array;
  readonly predicted: Float64Array;
  readonly weights: Float64Array;
}

function prepare(layers: Layer[], loss: Loss, target: Target, pass: Forward, noise: Float64Array, draws: number): Sample {
  const logits = pass.outputs[layers.length - 1];
  const predicted = prediction(loss, logits);
  const weights = curvatureWeights(loss, logits);
  return { layers, loss, target, noise, draws, pass, logits, predicted, weights };
}

/** The sum of J_i f_i; removing the peers moves z by its negative, to first order. */
function direction(sample: Sample, members: ArrayLike<number>): Float64Array {
  return tangent(sample.layers, sample.pass, partOf(sample.pass, members));
}

function score(estimator: Exclude<SampleEstimator, 'diagonal'>, sample: Sample, members: ArrayLike<number>): number {
  const { loss, weights, predicted, target, layers, pass, logits } = sample;
  switch (estimator) {
    case 'gaussNewton':
      return outputForm(loss, weights, direction(sample, members));
    case 'taylor2': {
      const u = direction(sample, members);
      return -slopeAlong(loss, logits, predicted, u, target) + 0.5 * outputForm(loss, weights, u);
    }
    case 'firstOrder':
      return -slopeAlong(loss, logits, predicted, direction(sample, members), target);
    case 'empiricalFisher': {
      const slope = slopeAlong(loss, logits, predicted, direction(sample, members), target);
      return slope * slope;
    }
    case 'monteCarloFisher':
      return sampledFisher(sample, direction(sample, members));
    case 'relativeEntropy': {
      const { change, moved } = removal(layers, pass, members);
      return relativeEntropy(loss, logits, predicted, change, moved);
    }
    case 'ablation': {
      const { change, moved } = removal(layers, pass, members);
      return ablation(loss, logits, predicted, change, moved, target);
    }
  }
}

/** sum_m h_mm Delta F_m^2 over one peer's own responses: the form of each response taken alone, by the fixed tree. */
function diagonalForm(
  sample: Sample,
  response: Responses,
  baseline: Float64Array,
  answered: Int32Array,
  offsets: Int32Array,
  peer: number,
): number {
  const { layers, pass, loss, weights } = sample;
  if (answered.length > 0 && answered[peer] === 0) return 0;
  const first = layers[0];
  const forms = new Float64Array(offsets[peer + 1] - offsets[peer]);
  for (let m = 0; m < forms.length; m++) {
    const column = offsets[peer] + m;
    const change = baseline.length === 0 ? response[column] : response[column] - baseline[column];
    const part = new Float64Array(first.outputs).map((_, o) => first.weights[o * first.inputs + column] * change);
    forms[m] = outputForm(loss, weights, tangent(layers, pass, part));
  }
  return treeSum(forms);
}

/** The mean over draws of (g . u)^2 with g the gradient under a target drawn from the model itself. */
function sampledFisher(sample: Sample, u: Float64Array): number {
  const { loss, logits, predicted, noise, draws } = sample;
  const width = loss === 'softmaxCrossEntropy' ? 1 : u.length;
  const squares = new Float64Array(draws);
  const mean = loss === 'softmaxCrossEntropy' ? treeDot(predicted, u) : 0;
  for (let k = 0; k < draws; k++) {
    const drawn = noise.subarray(k * width, (k + 1) * width);
    const slope =
      loss === 'softmaxCrossEntropy'
        ? labelSlope(predicted, u, drawClass(predicted, drawn[0]), mean)
        : treeDot(drawnGradient(loss, logits, predicted, drawn), u);
    squares[k] = slope * slope;
  }
  return treeSum(squares) / draws;
}

/** The first class whose cumulative probability exceeds a uniform number. */
function drawClass(p: Float64Array, uniform: number): number {
  let label = 0;
  let cumulative = 0;
  for (let c = 0; c < p.length; c++) {
    if (p[c] > 0) label = c;
    cumulative += p[c];
    if (uniform < cumulative) break;
  }
  return label;
}

/** p - t with Bernoulli t for binary cross-entropy; -noise for squared error, whose targets are z + normal noise. */
function drawnGradient(loss: Loss, logits: Float64Array, predicted: Float64Array, drawn: Float64Array): Float64Array {
  if (loss === 'binaryCrossEntropy') {
    return residuals(
      loss,
      logits,
      predicted,
      drawn.map((x, c) => (x < predicted[c] ? 1 : 0)),
    );
  }
  return drawn.map((x) => -x);
}

/** NISP: importance of the outputs (all ones) carried back through |W|^T, summed over each peer's responses: out [peers]. */
export function importance(out: Float64Array, head: object, widths: Int32Array): void {
  const { layers, outputs } = head as ReferenceHead;
  let carried: Float64Array = new Float64Array(outputs).fill(1);
  for (const layer of [...layers].reverse()) {
    const below = new Float64Array(layer.inputs);
    for (let k = 0; k < layer.inputs; k++) {
      let sum = 0;
      for (let o = 0; o < layer.outputs; o++) sum = fma(Math.abs(layer.weights[o * layer.inputs + k]), carried[o], sum);
      below[k] = sum;
    }
    carried = below;
  }
  const offsets = offsetsOf(widths);
  for (let i = 0; i < widths.length; i++) out[i] = treeSum(carried.subarray(offsets[i], offsets[i + 1]));
}

/** Column sums of values [batch, columns] by the fixed tree (blocks of 256 samples, folded in order). */
export function sumSamples(out: Float64Array, values: Float64Array, batch: number, columns: number): void {
  for (let c = 0; c < columns; c++) out[c] = treeSumOf(batch, (b) => values[b * columns + c]);
}

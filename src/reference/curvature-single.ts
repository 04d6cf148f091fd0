/**
 * Gauss-Newton scores of a linear head in single precision: the oracle of the f32 tier.
 *
 * Weights, responses, contributions, logits and forms are floats; every product is one ascending chain of fused multiply-adds that round
 * to a float; exponentials and slopes of sigmoids are those of f64, rounded once. Classes are taken in blocks of {@link CLASS_BLOCK}, and
 * blocks are merged in ascending order, so that no more than a block of contributions is ever held.
 */
import { exp, sigmoidDerivative } from '../core/arithmetic/index.js';
import { fmaSingle, treeSingle } from '../core/arithmetic/single.js';
import { LOSSES } from '../core/closed-lists.js';
import { offsetsOf, type ReferenceHead } from './head.js';
import { weighted } from './loss.js';

/** Classes in a block. */
export const CLASS_BLOCK = 120;

const { fround } = Math;
const exponential = (x: number) => fround(exp(x));

/** What has been seen of one sample: the largest logit, the sum of e^(z - largest), and each peer's mean and form. */
interface Sums {
  largest: number;
  sum: number;
  readonly means: Float32Array;
  readonly forms: Float32Array;
}

/** Scores [batch, peers]; whether the first logit is finite in every sample. Kernel conventions as in curvature.ts. */
export function removalScoresSingle(
  scores: Float64Array,
  responses: Float32Array,
  head: object,
  widths: Int32Array,
  sampleWeights: Float64Array,
  lossCode: number,
  batch: number,
): boolean {
  const { layers, inputs, outputs } = head as ReferenceHead;
  const weights = Float32Array.from(layers[0].weights);
  const bias = Float32Array.from(layers[0].bias);
  const offsets = offsetsOf(widths);
  const peers = widths.length;
  const softmax = LOSSES[lossCode] === 'softmaxCrossEntropy';
  let finite = true;
  for (let b = 0; b < batch; b++) {
    const response = responses.subarray(b * inputs, (b + 1) * inputs);
    const sums: Sums = { largest: 0, sum: 1, means: new Float32Array(peers), forms: new Float32Array(peers) };
    for (let begin = 0; begin < outputs; begin += CLASS_BLOCK) {
      const end = Math.min(outputs, begin + CLASS_BLOCK);
      const parts = contributionsOf(weights, response, offsets, inputs, begin, end);
      const z = bias.slice(begin, end);
      for (const part of parts) for (let c = 0; c < z.length; c++) z[c] += part[c];
      if (begin === 0) finite &&= Number.isFinite(z[0]);
      if (softmax) addSoftmax(sums, z, parts, begin === 0);
      else addDiagonal(sums, lossCode, z, parts);
    }
    for (let i = 0; i < peers; i++) scores[b * peers + i] = weighted(sampleWeights, b, fround(sums.forms[i] / sums.sum));
  }
  return finite;
}

function contributionsOf(
  weights: Float32Array,
  response: Float32Array,
  offsets: Int32Array,
  inputs: number,
  begin: number,
  end: number,
): Float32Array[] {
  return Array.from({ length: offsets.length - 1 }, (_, peer) => {
    const part = new Float32Array(end - begin);
    for (let o = begin; o < end; o++) {
      let sum = 0;
      for (let k = offsets[peer]; k < offsets[peer + 1]; k++) sum = fmaSingle(weights[o * inputs + k], response[k], sum);
      part[o - begin] = sum;
    }
    return part;
  });
}

/** Merges the block's mean and centred square into those of the blocks before (Chan, Golub and LeVeque). */
function addSoftmax(sums: Sums, z: Float32Array, parts: Float32Array[], starts: boolean): void {
  const n = z.length;
  let largest = Number.NEGATIVE_INFINITY;
  for (const x of z) if (x > largest) largest = x; // a NaN never enters
  const e = z.map((x) => exponential(fround(x - largest)));
  const sum = treeSingle(0, n, (c, lane) => fround(lane + e[c]));
  const top = Math.max(sums.largest, largest);
  const before = exponential(fround(sums.largest - top));
  const now = exponential(fround(largest - top));
  const left = fround(before * sums.sum);
  const right = fround(now * sum);
  const total = fround(left + right);
  const share = fround(right / total);
  const spread = fround(left * share);
  for (const [i, part] of parts.entries()) {
    const mean = fround(treeSingle(0, n, (c, lane) => fmaSingle(e[c], part[c], lane)) / sum);
    const form = treeSingle(0, n, (c, lane) => {
      const centred = fround(part[c] - mean);
      return fmaSingle(fround(e[c] * centred), centred, lane);
    });
    if (starts) {
      sums.means[i] = mean;
      sums.forms[i] = form;
      continue;
    }
    const apart = fround(mean - sums.means[i]);
    sums.means[i] = fmaSingle(apart, share, sums.means[i]);
    const both = fmaSingle(before, sums.forms[i], fround(now * form));
    sums.forms[i] = fmaSingle(fround(apart * apart), spread, both);
  }
  sums.largest = starts ? largest : top;
  sums.sum = starts ? sum : total;
}

/** The losses whose Hessian is diagonal. */
function addDiagonal(sums: Sums, lossCode: number, z: Float32Array, parts: Float32Array[]): void {
  const weights = z.map((x) => (LOSSES[lossCode] === 'binaryCrossEntropy' ? sigmoidDerivative(x) : 1));
  for (const [i, part] of parts.entries()) {
    sums.forms[i] += treeSingle(0, z.length, (c, lane) => fmaSingle(fround(weights[c] * part[c]), part[c], lane));
  }
}

/** The gradient of a dense head, in plain TypeScript: reverse mode with every product one ascending chain of fma. */
import { fma } from '../core/arithmetic/index.js';
import { LOSSES } from '../core/closed-lists.js';
import { sumSamples } from './curvature.js';
import {
  activationSlope,
  type Forward,
  firstIsFinite,
  forward,
  type Layer,
  offsetsOf,
  type ReferenceHead,
  type Responses,
} from './head.js';
import { lossGradient, lossValue, targetOf, weighted } from './loss.js';

/** z for every sample: out [batch, outputs]. */
export function headForward(out: Float64Array, responses: Responses, head: object, widths: Int32Array, batch: number): boolean {
  const { layers, inputs, outputs } = head as ReferenceHead;
  const offsets = offsetsOf(widths);
  let finite = true;
  for (let b = 0; b < batch; b++) {
    const pass = forward(layers, responses.subarray(b * inputs, (b + 1) * inputs), offsets);
    finite &&= firstIsFinite(pass);
    out.set(pass.outputs[layers.length - 1], b * outputs);
  }
  return finite;
}

/**
 * Gradient of the batch's loss, or of <outputGradient, z> when outputGradient is not empty: losses [batch] (untouched in the second
 * case), logits [batch, outputs], responseGradient [batch, peers, width], parameterGradient laid out like parameters.
 * Each sample's dQ/dz is multiplied by its weight (sampleWeights is empty or [batch]) and divided by `divisor` (the batch size for a
 * mean) before it is carried back.
 */
export function headGradient(
  losses: Float64Array,
  logits: Float64Array,
  responseGradient: Float64Array,
  parameterGradient: Float64Array,
  responses: Responses,
  head: object,
  widths: Int32Array,
  labels: Int32Array,
  targets: Float64Array,
  sampleWeights: Float64Array,
  outputGradient: Float64Array,
  lossCode: number,
  divisor: number,
  batch: number,
): boolean {
  const { layers, inputs, outputs } = head as ReferenceHead;
  const last = layers.length - 1;
  const loss = LOSSES[lossCode];
  const offsets = offsetsOf(widths);
  const deltas = layers.map((layer) => new Float64Array(batch * layer.outputs));
  const below = layers.map((layer) => new Float64Array(batch * layer.inputs));
  let finite = true;
  for (let b = 0; b < batch; b++) {
    const response = responses.subarray(b * inputs, (b + 1) * inputs);
    const pass = forward(layers, response, offsets);
    finite &&= firstIsFinite(pass);
    const z = pass.outputs[last];
    logits.set(z, b * outputs);
    let upstream: Float64Array;
    if (outputGradient.length > 0) {
      upstream = outputGradient.slice(b * outputs, (b + 1) * outputs);
    } else {
      const target = targetOf(labels, targets, b, outputs);
      losses[b] = weighted(sampleWeights, b, lossValue(loss, z, target));
      upstream = lossGradient(loss, z, target).map((x) => weighted(sampleWeights, b, x) / divisor);
    }
    for (let l = 0; l <= last; l++) below[l].set(l === 0 ? response : pass.outputs[l - 1], b * layers[l].inputs);
    responseGradient.set(backward(layers, pass, upstream, deltas, b), b * inputs);
  }
  let at = 0;
  for (const [l, layer] of layers.entries()) {
    const weightCount = layer.outputs * layer.inputs;
    weightGradient(parameterGradient.subarray(at, at + weightCount), deltas[l], below[l], layer, batch);
    sumSamples(parameterGradient.subarray(at + weightCount, at + weightCount + layer.outputs), deltas[l], batch, layer.outputs);
    at += weightCount + layer.outputs;
  }
  return finite;
}

/** Carries dL/dz of one sample down to its responses; leaves dL/da of every layer in `deltas`. */
function backward(layers: Layer[], pass: Forward, upstream: Float64Array, deltas: Float64Array[], sample: number): Float64Array {
  let carried = upstream;
  for (let l = layers.length - 1; l >= 0; l--) {
    const layer = layers[l];
    const a = pass.preactivations[l];
    const delta = layer.activation === 'identity' ? carried : carried.map((g, o) => activationSlope(layer.activation, a[o]) * g);
    deltas[l].set(delta, sample * layer.outputs);
    carried = new Float64Array(layer.inputs);
    for (let k = 0; k < layer.inputs; k++) {
      let sum = 0;
      for (let o = 0; o < layer.outputs; o++) sum = fma(layer.weights[o * layer.inputs + k], delta[o], sum);
      carried[k] = sum;
    }
  }
  return carried;
}

/** dL/dW [outputs, inputs] = sum_b delta_b x_b^T, one chain over the samples in order. */
function weightGradient(out: Float64Array, delta: Float64Array, x: Float64Array, layer: Layer, batch: number): void {
  for (let o = 0; o < layer.outputs; o++) {
    for (let k = 0; k < layer.inputs; k++) {
      let sum = 0;
      for (let b = 0; b < batch; b++) sum = fma(delta[b * layer.outputs + o], x[b * layer.inputs + k], sum);
      out[o * layer.inputs + k] = sum;
    }
  }
}

/**
 * Dense networks that are trained: forward pass, gradient of the parameters, one step of Adam.
 *
 * Weights are [inputs, outputs]. Every pre-activation is one chain of fused multiply-adds over the inputs in order, every entry of the gradient one over the samples
 * in order; terms whose factor (input, value of the layer before, or delta) is zero are left out, because images and one-hot codes are mostly zeros.
 */
import { fma } from '../core/arithmetic/index.js';
import { ACTIVATIONS, type Activation } from '../core/closed-lists.js';
import { activate, activationSlope } from './head.js';

/** Decay of the two moments, and what keeps the division from zero. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: Activation;
  /** [inputs, outputs] */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

/** What one sample gives on its way up. */
interface Pass {
  /** Inputs of every layer. */
  readonly below: readonly Float64Array[];
  readonly preactivations: readonly Float64Array[];
  readonly outputs: Float64Array;
}

/** Kernels of the family. */
export const denseReference = {
  /**
   * outputs [samples, width of the last layer], rounded to single precision; parameters: weights [inputs, outputs] and bias [outputs] of each layer in turn;
   * sizes [layers + 1]; activations [layers], positions in ACTIVATIONS; a sample is `given` numbers of `inputs` [samples, given] followed by the rest of
   * sizes[0], of `context` [samples, sizes[0] - given].
   */
  denseForward(
    outputs: Float32Array,
    parameters: Float64Array,
    sizes: Int32Array,
    activations: Int32Array,
    inputs: Float32Array,
    context: Float32Array,
    given: number,
    samples: number,
  ): void {
    const layers = layersOf(parameters, sizes, activations);
    const width = sizes[sizes.length - 1];
    for (let s = 0; s < samples; s++) outputs.set(forward(layers, sampleOf(inputs, context, given, sizes[0], s)).outputs, s * width);
  },

  /** gradient: dL/dparameters, laid out like them; upstream [samples, width of the last layer] = dL/doutputs. */
  denseGradient(
    gradient: Float64Array,
    parameters: Float64Array,
    sizes: Int32Array,
    activations: Int32Array,
    inputs: Float32Array,
    context: Float32Array,
    upstream: Float32Array,
    given: number,
    samples: number,
  ): void {
    const layers = layersOf(parameters, sizes, activations);
    const gradients = layersOf(gradient, sizes, activations);
    const width = sizes[sizes.length - 1];
    gradient.fill(0);
    for (let s = 0; s < samples; s++) {
      const pass = forward(layers, sampleOf(inputs, context, given, sizes[0], s));
      const deltas = backward(layers, pass, Float64Array.from(upstream.subarray(s * width, (s + 1) * width)));
      for (const [l, { weights, bias, outputs }] of gradients.entries()) {
        for (const [k, x] of pass.below[l].entries()) {
          if (x === 0) continue;
          for (let o = 0; o < outputs; o++) weights[k * outputs + o] = fma(x, deltas[l][o], weights[k * outputs + o]);
        }
        for (let o = 0; o < outputs; o++) bias[o] += deltas[l][o];
      }
    }
  },

  /** One step of Adam, in place on parameters and both moments; corrections are 1 - beta^steps, shrink is 1 - size * weight decay. */
  adamStep(
    parameters: Float64Array,
    first: Float64Array,
    second: Float64Array,
    gradient: Float64Array,
    size: number,
    shrink: number,
    correction1: number,
    correction2: number,
  ): void {
    const { beta1, beta2, epsilon } = ADAM;
    for (let k = 0; k < parameters.length; k++) {
      const g = gradient[k];
      first[k] = beta1 * first[k] + (1 - beta1) * g;
      second[k] = beta2 * second[k] + (1 - beta2) * g * g;
      const direction = first[k] / correction1 / (Math.sqrt(second[k] / correction2) + epsilon);
      parameters[k] = shrink * parameters[k] - size * direction;
    }
  },
};

function layersOf(parameters: Float64Array, sizes: Int32Array, activations: Int32Array): Layer[] {
  let at = 0;
  return Array.from(activations, (code, l) => {
    const [inputs, outputs] = [sizes[l], sizes[l + 1]];
    const weights = parameters.subarray(at, at + inputs * outputs);
    const bias = parameters.subarray(at + inputs * outputs, at + (inputs + 1) * outputs);
    at += (inputs + 1) * outputs;
    return { inputs, outputs, activation: ACTIVATIONS[code], weights, bias };
  });
}

function sampleOf(inputs: Float32Array, context: Float32Array, given: number, total: number, sample: number): Float64Array {
  const rest = total - given;
  const whole = new Float64Array(total);
  whole.set(inputs.subarray(sample * given, (sample + 1) * given));
  whole.set(context.subarray(sample * rest, (sample + 1) * rest), given);
  return whole;
}

function forward(layers: readonly Layer[], sample: Float64Array): Pass {
  const below: Float64Array[] = [];
  const preactivations: Float64Array[] = [];
  let values = sample;
  for (const { weights, bias, activation } of layers) {
    const a = chain(values, weights, bias);
    below.push(values);
    preactivations.push(a);
    values = a.map((x) => activate(activation, x));
  }
  return { below, preactivations, outputs: values };
}

/** start + sum over k with x_k != 0 of x_k times row k of `rows` [inputs, outputs]. */
function chain(x: Float64Array, rows: Float64Array, start: Float64Array): Float64Array {
  const sums = start.slice();
  for (const [k, factor] of x.entries()) {
    if (factor === 0) continue;
    for (let o = 0; o < sums.length; o++) sums[o] = fma(factor, rows[k * sums.length + o], sums[o]);
  }
  return sums;
}

/** dL/da of every layer. */
function backward(layers: readonly Layer[], { preactivations }: Pass, upstream: Float64Array): Float64Array[] {
  const deltas: Float64Array[] = [];
  let carried = upstream;
  for (let l = layers.length - 1; l >= 0; l--) {
    const { activation, weights, inputs, outputs } = layers[l];
    const delta = activation === 'identity' ? carried : preactivations[l].map((a, o) => activationSlope(activation, a) * carried[o]);
    deltas.unshift(delta);
    if (l > 0) carried = chain(delta, transposed(weights, inputs, outputs), new Float64Array(inputs));
  }
  return deltas;
}

function transposed(weights: Float64Array, inputs: number, outputs: number): Float64Array {
  return Float64Array.from({ length: inputs * outputs }, (_, at) => weights[(at % inputs) * outputs + Math.floor(at / inputs)]);
}

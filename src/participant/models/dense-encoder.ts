/** Dense encoders and proxies on the backend's own kernels: the same bits on every processor, whatever trains beside them. */
import { type Backend, backendOf } from '../../backend/index.js';
import { type Activation, activationCodes } from '../../dense.js';
import { normals } from '../draw.js';
import { partsOf, restoreArrays } from '../saved.js';
import { Adam } from './adam.js';
import type { ResponseModel } from './model.js';

/** Shape of a dense encoder; every layer but the last uses `activation`. */
export interface DenseEncoderOptions {
  readonly inputWidth: number;
  readonly hidden: readonly number[];
  readonly width: number;
  readonly activation: 'relu' | 'tanh';
  /** Of the responses: `tanh` keeps every participant's on one scale. */
  readonly outputActivation: 'tanh' | 'linear';
  /** Step size of Adam. */
  readonly learningRate: number;
  readonly seed: number;
  /** Names this model among all that are drawn from the seed. */
  readonly stream: readonly number[];
  /** Default: the default backend. */
  readonly backend?: Backend;
}

const NOTHING = new Float32Array(0);

/**
 * A dense encoder whose initial weights follow from the seed alone (Glorot for tanh, He for relu).
 *
 * @returns a model that is trained by Adam on dL/df; its `split` takes inputs in two parts without joining them
 * @numerics weights, sums and Adam in f64, each sum one ascending chain of fused multiply-adds that leaves zeros out; f32 at the boundary; same bits on every backend
 * @cost about one multiply-add for every input that is not zero and every unit
 * @example
 * ```ts
 * import { denseEncoder } from 'intermodel/participant';
 * const encoder = denseEncoder({
 *   ...{ inputWidth: 3, hidden: [4], width: 2, activation: 'tanh', outputActivation: 'tanh' },
 *   ...{ learningRate: 0.01, seed: 7, stream: [1] },
 * });
 * console.log((await encoder.respond(Float32Array.of(1, 0, 0.5), 1)).length); // 2
 * ```
 */
export function denseEncoder(options: DenseEncoderOptions): ResponseModel {
  const { inputWidth, width, hidden } = options;
  const backend = backendOf(options.backend);
  const { kernels } = backend;
  const sizes = Int32Array.of(inputWidth, ...hidden, width);
  const last = options.outputActivation === 'linear' ? 'identity' : options.outputActivation;
  const names: Activation[] = [...hidden.map(() => options.activation), last];
  const activations = activationCodes(names);
  const parameters = initialParameters(sizes, names, options);
  const gradient = new Float64Array(parameters.length);
  const adam = new Adam([parameters], { learningRate: options.learningRate }, backend);

  const respond = (inputs: Float32Array, context: Float32Array, batch: number): Float32Array => {
    const out = new Float32Array(batch * width);
    kernels.denseForward(out, parameters, sizes, activations, inputs, context, givenOf(inputs, batch, inputWidth), batch);
    return out;
  };
  const train = (inputs: Float32Array, context: Float32Array, upstream: Float32Array, batch: number): void => {
    const given = givenOf(inputs, batch, inputWidth);
    kernels.denseGradient(gradient, parameters, sizes, activations, inputs, context, upstream, given, batch);
    adam.step([gradient]);
  };
  const body = hidden.map((units) => `${units} ${options.activation}`).join(' -> ');
  return {
    inputWidth,
    width,
    description: `${inputWidth} -> ${body} -> ${width} ${options.outputActivation}`,
    respond: async (inputs, batch) => respond(inputs, NOTHING, batch),
    train: async (inputs, upstream, batch) => train(inputs, NOTHING, upstream, batch),
    split: {
      respond: async (inputs, context, batch) => respond(inputs, context, batch),
      train: async (inputs, context, upstream, batch) => train(inputs, context, upstream, batch),
    },
    save: async () => ({ parameters: [parameters.slice()], adam: adam.save() }),
    restore: async (saved) => {
      const parts = partsOf(saved);
      restoreArrays([parameters], parts['parameters'], 'parameters');
      adam.restore(parts['adam'] ?? {});
    },
    dispose: () => undefined,
  };
}

/** Numbers of a sample in the first part. */
function givenOf(inputs: Float32Array, batch: number, inputWidth: number): number {
  return batch === 0 ? inputWidth : Math.floor(inputs.length / batch);
}

/** Weights [inputs, outputs] and bias of each layer in turn; biases start at zero. */
function initialParameters(sizes: Int32Array, names: readonly Activation[], { seed, stream }: DenseEncoderOptions): Float64Array {
  const layers = names.map((name, l) => {
    const [fanIn, units] = [sizes[l], sizes[l + 1]];
    const scale = Math.sqrt(2 / (name === 'relu' ? fanIn : fanIn + units));
    return normals(seed, [...stream, l + 1], fanIn * units).map((z) => scale * z);
  });
  const parameters = new Float64Array(layers.reduce((sum, weights, l) => sum + weights.length + sizes[l + 1], 0));
  let at = 0;
  for (const [l, weights] of layers.entries()) {
    parameters.set(weights, at);
    at += weights.length + sizes[l + 1];
  }
  return parameters;
}

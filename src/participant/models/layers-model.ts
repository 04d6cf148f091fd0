/** tensorflow.js layers models as response models, trained on the loss gradient their askers send back. */
// Without tensorflow.js its types are of any type, and the declarations of this package still hold.
// biome-ignore lint/suspicious/noTsIgnore: it must hold with and without the package
/** @ts-ignore */
import type * as tensorflow from '@tensorflow/tfjs';
import { InputError } from '../../core/errors.js';
import { partsOf, type Saved } from '../saved.js';
import type { ResponseModel } from './model.js';
import type { Tensorflow } from './tensorflow.js';

/** A layers model and how it learns. */
export interface LayersModelOptions {
  readonly tf: Tensorflow;
  /** Maps [batch, inputs] to [batch, width]. The adapter owns it from here on and disposes it. */
  readonly model: tensorflow.LayersModel;
  /** Step size of Adam. */
  readonly learningRate: number;
  readonly description?: string;
}

/**
 * Serves a tensorflow.js layers model.
 *
 * The gradient of sum(model(x) * dL/df) with respect to the weights is dL/dweights, so one first-order pass trains it.
 */
export function layersModel(options: LayersModelOptions): ResponseModel {
  const { tf, model } = options;
  const inputWidth = lastExtent('input', model.inputs[0].shape);
  const width = lastExtent('output', model.outputs[0].shape);
  const optimizer = tf.train.adam(options.learningRate);
  return {
    inputWidth,
    width,
    description: options.description ?? `layers model ${inputWidth} -> ${width}`,
    async respond(inputs, batch) {
      const output = tf.tidy(() => model.apply(tf.tensor2d(inputs, [batch, inputWidth])) as tensorflow.Tensor);
      const response = (await output.data()) as Float32Array;
      output.dispose();
      return response.slice();
    },
    async train(inputs, gradient, batch) {
      tf.tidy(() => {
        const x = tf.tensor2d(inputs, [batch, inputWidth]);
        const g = tf.tensor2d(gradient, [batch, width]);
        const { grads } = tf.variableGrads(
          () => tf.sum(tf.mul(model.apply(x, { training: true }) as tensorflow.Tensor, g)) as tensorflow.Scalar,
        );
        optimizer.applyGradients(Object.entries(grads).map(([name, tensor]) => ({ name, tensor })));
      });
    },
    async save() {
      const moments = await optimizer.getWeights();
      return {
        weights: await valuesOf(model.getWeights()),
        optimiser: await valuesOf(moments.map(({ tensor }) => tensor)),
      };
    },
    async restore(saved) {
      const { weights, optimiser } = partsOf(saved);
      const shapes = model.getWeights().map(({ shape }) => shape);
      const kernels = tensorsOf(tf, weights, shapes, 'weights');
      model.setWeights(kernels);
      tf.dispose(kernels);
      // the count of steps, then a first and a second moment for every weight
      const moments = tensorsOf(tf, optimiser, [[], ...shapes, ...shapes], 'optimiser');
      await optimizer.setWeights(moments.map((tensor, at) => ({ name: `moment-${at}`, tensor: at === 0 ? tensor.toInt() : tensor })));
    },
    dispose() {
      model.dispose();
      optimizer.dispose();
    },
  };
}

async function valuesOf(tensors: readonly tensorflow.Tensor[]): Promise<Saved> {
  return Promise.all(tensors.map(async (tensor) => Float32Array.from(await tensor.data())));
}

/** An optimiser that has not stepped yet has no moments: it is restored as it is. */
function tensorsOf(tf: Tensorflow, saved: Saved | undefined, shapes: readonly number[][], what: string): tensorflow.Tensor[] {
  const arrays = Array.isArray(saved) ? (saved as readonly Saved[]) : [];
  const used = what === 'optimiser' ? shapes.slice(0, arrays.length) : shapes;
  const fits = arrays.length === used.length && used.every((shape, at) => (arrays[at] as Float32Array).length === sizeOf(shape));
  if (!fits) throw new InputError('BTM_SHAPE', 'was saved by a model of other sizes', { argument: `saved.${what}` });
  return used.map((shape, at) => tf.tensor(arrays[at] as Float32Array, shape));
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

function lastExtent(what: string, shape: readonly (number | null)[]): number {
  const extent = shape.at(-1);
  if (shape.length !== 2 || typeof extent !== 'number') {
    throw new InputError('BTM_SHAPE', `must have one ${what} of shape [batch, features], got [${shape.join(', ')}]`, { argument: 'model' });
  }
  return extent;
}

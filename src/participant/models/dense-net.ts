/** A trainable dense network on the backend's kernels: encoders, readouts, gates and students that need no tensor library. */
import type { Backend } from '../../backend/index.js';
import type { NumericArray } from '../../core/validate.js';
import { type Activation, headForward, headGradient } from '../../head.js';
import { normals } from '../draw.js';
import type { Targets } from '../samples.js';
import { partsOf, restoreArrays, type Saved, type Stateful } from '../saved.js';
import { Adam, type AdamOptions } from './adam.js';
import type { ResponseModel } from './model.js';

/** One layer: activation(weights x + bias). */
export interface DenseLayer {
  /** `[outputs, inputs]`, row-major. */
  readonly weights: Float64Array;
  /** `[outputs]` */
  readonly bias: Float64Array;
  readonly activation: Activation;
}

/** A network drawn from a seed. */
export interface DenseNetOptions {
  /** Inputs, hidden layers, outputs. */
  readonly widths: readonly number[];
  readonly activation: Activation;
  readonly outputActivation: Activation;
  readonly seed: number;
  /** Names this network among all that are drawn from the seed. */
  readonly stream: readonly number[];
  readonly optimiser: AdamOptions;
  readonly backend?: Backend;
}

/** Layers and their optimiser. */
export class DenseNet implements Stateful {
  readonly inputWidth: number;
  readonly width: number;
  readonly #adam: Adam | undefined;

  /** @param optimiser left out for a network that only answers */
  constructor(
    readonly layers: readonly DenseLayer[],
    optimiser?: AdamOptions,
    private readonly backend?: Backend,
  ) {
    this.inputWidth = layers[0].weights.length / layers[0].bias.length;
    this.width = layers[layers.length - 1].bias.length;
    this.#adam = optimiser === undefined ? undefined : new Adam(this.#parameters(layers), optimiser, backend);
  }

  /** Draws weights by He for relu and Glorot otherwise; biases start at zero. */
  static random(options: DenseNetOptions): DenseNet {
    const { widths, seed, stream } = options;
    const layers = widths.slice(1).map((units, index): DenseLayer => {
      const fanIn = widths[index];
      const activation = index === widths.length - 2 ? options.outputActivation : options.activation;
      const scale = Math.sqrt(2 / (activation === 'relu' ? fanIn : fanIn + units));
      return { weights: normals(seed, [...stream, index], fanIn * units).map((z) => scale * z), bias: new Float64Array(units), activation };
    });
    return new DenseNet(layers, options.optimiser, options.backend);
  }

  /** A network with the same parameters and an optimiser of its own. */
  copy(optimiser?: AdamOptions): DenseNet {
    const layers = this.layers.map(({ weights, bias, activation }) => ({ weights: weights.slice(), bias: bias.slice(), activation }));
    return new DenseNet(layers, optimiser, this.backend);
  }

  /** `[batch, inputWidth]` to `[batch, width]`. */
  forward(inputs: NumericArray, batch: number): Float64Array {
    return headForward(this.#call(inputs, batch));
  }

  /**
   * One training step on dL/doutput `[batch, width]`; `rate` scales the learning rate of this step.
   * @returns dL/dinput `[batch, inputWidth]`
   */
  learn(inputs: NumericArray, gradient: NumericArray, batch: number, rate = 1): Float64Array {
    const { layers, responses } = headGradient({ ...this.#call(inputs, batch), outputGradient: gradient });
    this.#adam?.step(this.#parameters(layers), rate);
    return responses;
  }

  /** One training step on the mean loss against what is known; `rate` scales the learning rate of this step. Returns loss and dL/dinput. */
  learnTargets(inputs: NumericArray, targets: Targets, batch: number, rate = 1): { loss: number; gradient: Float64Array } {
    const { layers, responses, loss } = headGradient({ ...this.#call(inputs, batch), ...targets });
    this.#adam?.step(this.#parameters(layers), rate);
    return { loss: loss ?? 0, gradient: responses };
  }

  /** dL/dinput `[batch, inputWidth]` from dL/doutput, without a step: for networks that are held fixed. */
  inputGradient(inputs: NumericArray, gradient: NumericArray, batch: number): Float64Array {
    return headGradient({ ...this.#call(inputs, batch), outputGradient: gradient }).responses;
  }

  save(): Saved {
    const layers = this.#parameters(this.layers).map((array) => array.slice());
    return this.#adam === undefined ? { layers } : { layers, adam: this.#adam.save() };
  }

  restore(saved: Saved): void {
    const parts = partsOf(saved);
    restoreArrays(this.#parameters(this.layers), parts['layers'], 'layers');
    if (this.#adam !== undefined) this.#adam.restore(parts['adam'] ?? {});
  }

  /** The network as others may ask it. */
  asModel(description = `dense net ${[this.inputWidth, ...this.layers.map((layer) => layer.bias.length)].join(' -> ')}`): ResponseModel {
    return {
      inputWidth: this.inputWidth,
      width: this.width,
      description,
      respond: async (inputs, batch) => Float32Array.from(this.forward(inputs, batch)),
      train: async (inputs, gradient, batch) => {
        this.learn(inputs, gradient, batch);
      },
      save: async () => this.save(),
      restore: async (saved) => this.restore(saved),
      dispose: () => undefined,
    };
  }

  #parameters(layers: readonly { readonly weights: Float64Array; readonly bias: Float64Array }[]): Float64Array[] {
    return layers.flatMap((layer) => [layer.weights, layer.bias]);
  }

  #call(inputs: NumericArray, batch: number) {
    const { backend } = this;
    const head = { layers: this.layers };
    return { head, responses: inputs, batch, peers: 1, width: this.inputWidth, ...(backend === undefined ? {} : { backend }) };
  }
}

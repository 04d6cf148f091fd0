/** A trainable dense head over responses: from [batch, peers, width] to class logits. */
import type { Backend } from '../backend/index.js';
import { InternalError } from '../core/errors.js';
import { headForward, headGradient } from '../head.js';
import { Adam } from './adam.js';
import { normals } from './draw.js';

/** A head as the measure takes it, with parameters that training moves. */
export interface HeadParameters {
  readonly layers: readonly { readonly weights: Float64Array; readonly bias: Float64Array; readonly activation: 'relu' | 'identity' }[];
}

/** Sizes and training of a head. */
export interface HeadOptions {
  readonly peers: number;
  readonly width: number;
  /** Hidden layers, relu. None makes a linear readout. */
  readonly hidden: readonly number[];
  readonly outputs: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly seed: number;
  readonly stream: readonly number[];
  readonly backend: Backend;
}

/** Loss of one batch and its gradient with respect to the responses. */
export interface HeadStep {
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  /** `[batch, peers, width]` of the mean loss. */
  readonly gradient: Float64Array;
}

/** Weights and their optimiser. */
export class TrainableHead {
  readonly parameters: HeadParameters;
  readonly #adam: Adam;

  constructor(readonly options: HeadOptions) {
    const widths = [options.peers * options.width, ...options.hidden, options.outputs];
    this.parameters = {
      layers: widths.slice(1).map((units, index) => {
        const fanIn = widths[index];
        const last = index === widths.length - 2;
        const scale = Math.sqrt(2 / (last ? fanIn + units : fanIn));
        return {
          weights: normals(options.seed, [...options.stream, index], fanIn * units).map((z) => scale * z),
          bias: new Float64Array(units),
          activation: last ? 'identity' : 'relu',
        };
      }),
    };
    this.#adam = new Adam(
      this.parameters.layers.flatMap((layer) => [layer.weights, layer.bias]),
      options,
    );
  }

  /** Class logits `[batch, outputs]`. */
  logits(responses: Float64Array, batch: number): Float64Array {
    return headForward(this.#call(responses, batch));
  }

  /** Loss and gradient on one batch; then one training step. `rate` scales its learning rate. */
  learn(responses: Float64Array, labels: Int32Array, batch: number, rate = 1): HeadStep {
    const result = headGradient({ ...this.#call(responses, batch), labels });
    if (result.loss === null) throw new InternalError('a head with labels returned no loss');
    this.#adam.step(
      result.layers.flatMap((layer) => [layer.weights, layer.bias]),
      rate,
    );
    return { loss: result.loss, gradient: result.responses };
  }

  #call(responses: Float64Array, batch: number) {
    const { peers, width, backend } = this.options;
    return { head: this.parameters, responses, batch, peers, width, backend };
  }
}

/** Share of rows whose largest logit is the label's. */
export function accuracy(logits: Float64Array, labels: Int32Array): number {
  const outputs = logits.length / labels.length;
  let right = 0;
  labels.forEach((label, row) => {
    let best = 0;
    for (let c = 1; c < outputs; c++) if (logits[row * outputs + c] > logits[row * outputs + best]) best = c;
    if (best === label) right++;
  });
  return right / labels.length;
}

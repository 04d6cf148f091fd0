/**
 * A model as a participant serves it: anything that maps [batch, inputs] to [batch, width].
 * Adapters: {@link plainModel} for functions, `layersModel` (layers-model.ts) for tensorflow.js; `denseEncoder` runs on this package's own kernels.
 */

import { InputError } from '../../core/errors.js';
import { checkInteger } from '../../core/validate.js';
import type { Saved } from '../saved.js';

/** What the network asks of a model. Both calls are stateless in the request: training gets the inputs again. */
export interface ResponseModel {
  /** Numbers per sample the model takes. */
  readonly inputWidth: number;
  /** Numbers per sample the model answers with. */
  readonly width: number;
  /** One line for reports. */
  readonly description: string;
  /**
   * Answers a batch.
   * @param inputs `[batch, inputWidth]`; not changed
   * @returns `[batch, width]`, a fresh array
   */
  respond(inputs: Float32Array, batch: number): Promise<Float32Array>;
  /**
   * Trains one step on the loss gradient with respect to the responses. Absent if the model does not learn.
   * @param gradient `[batch, width]`, dL/df summed over all peers that asked
   */
  train?(inputs: Float32Array, gradient: Float32Array, batch: number): Promise<void>;
  /** The same for inputs in two parts, `[batch, given]` and `[batch, inputWidth - given]`. Absent: they are joined first. */
  readonly split?: SplitModel;
  /** What it has learnt, its optimiser included. Absent if there is nothing to keep. */
  save?(): Promise<Saved>;
  /** Takes up a state that {@link ResponseModel.save} gave. */
  restore?(saved: Saved): Promise<void>;
  /** Releases what the model holds. */
  dispose(): void;
}

/** A model that takes the proxy's answer beside a sample without a copy of both. */
export interface SplitModel {
  respond(inputs: Float32Array, context: Float32Array, batch: number): Promise<Float32Array>;
  train(inputs: Float32Array, context: Float32Array, gradient: Float32Array, batch: number): Promise<void>;
}

/** The parts of a plain-function model. */
export interface PlainModelOptions {
  readonly inputWidth: number;
  readonly width: number;
  readonly description?: string;
  respond(inputs: Float32Array, batch: number): Float32Array | Promise<Float32Array>;
  train?(inputs: Float32Array, gradient: Float32Array, batch: number): void | Promise<void>;
}

/**
 * Serves a plain function as a model.
 *
 * @example
 * ```ts
 * import { plainModel } from 'intermodel/participant';
 * const double = plainModel({ inputWidth: 2, width: 2, respond: (inputs) => inputs.map((x) => 2 * x) });
 * console.log(await double.respond(new Float32Array([1, 2]), 1)); // Float32Array [ 2, 4 ]
 * ```
 */
export function plainModel(options: PlainModelOptions): ResponseModel {
  checkInteger('inputWidth', options?.inputWidth, 1);
  checkInteger('width', options.width, 1);
  if (typeof options.respond !== 'function')
    throw new InputError('BTM_TYPE', 'must be a function', { argument: 'respond', value: options.respond });
  const { train } = options;
  return {
    inputWidth: options.inputWidth,
    width: options.width,
    description: options.description ?? 'plain function',
    respond: async (inputs, batch) => options.respond(inputs, batch),
    ...(train === undefined ? {} : { train: async (inputs, gradient, batch) => train.call(options, inputs, gradient, batch) }),
    dispose: () => undefined,
  };
}

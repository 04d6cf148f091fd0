/** Dense heads over the responses of peers: forward pass and gradient, on the backend's kernels. */

import { backendOf } from './backend/index.js';
import { LOSSES, type Loss } from './core/closed-lists.js';
import { InputError } from './core/errors.js';
import { isFloat64Array } from './core/typed-arrays.js';
import { checkOneOf, checkOptions, checkVector, type NumericArray } from './core/validate.js';
import { type Answers, checkBatch, checkResponses, fillUnanswered, type HeadOptions, NO_INTEGERS, NO_NUMBERS } from './head-batch.js';
import { checkTargets, type TargetOptions } from './head-targets.js';

export type { Activation, Loss } from './core/closed-lists.js';
export type { HeadOptions } from './head-batch.js';
export type { Head, HeadLayer } from './head-prepared.js';
export type { TargetOptions } from './head-targets.js';

/** Options of {@link headGradient}. */
export interface HeadGradientOptions extends HeadOptions, TargetOptions {
  /** Default 'softmaxCrossEntropy'. */
  readonly loss?: Loss;
  /** [batch, outputs]: carry this dL/dz back instead of a loss; `reduction` then does not apply. */
  readonly outputGradient?: NumericArray;
  /** Of the loss over the batch. Default 'mean'. */
  readonly reduction?: 'sum' | 'mean';
}

/** Gradient of one layer. */
export interface LayerGradient {
  readonly weights: Float64Array; // [outputs, inputs]
  readonly bias: Float64Array; // [outputs]
}

/** Result of {@link headGradient}. */
export interface HeadGradient {
  /** Loss of the batch; null when `outputGradient` was given. */
  readonly loss: number | null;
  /** [batch, outputs]. */
  readonly logits: Float64Array;
  /** dL/dresponses [batch, peers, width]. */
  readonly responses: Float64Array;
  readonly layers: readonly LayerGradient[];
}

/**
 * The output z of a dense head for a batch of responses.
 *
 * @shape responses [batch, sum of widths]; result [batch, outputs]
 * @param options - `head` over the sum of the widths, `responses`, and their sizes; `baseline` stands in for peers that did not answer.
 * @returns A new array of logits (the last layer's output, after its activation).
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_DOMAIN.
 * @numerics f64; the first layer adds bias, then W1_i f_i of peer 0, 1, ... in order, each product one chain of fma.
 * @cost 2 batch (peers width h + ...) FLOP
 * @paper section 1.1, f_i(F(x))
 * @example
 * ```ts
 * import { headForward } from 'intermodel';
 * const head = { layers: [{ weights: [1, 2], bias: [0.5], activation: 'identity' as const }] };
 * console.log(headForward({ head, responses: [3, 4], batch: 1, peers: 2, width: 1 })); // Float64Array [11.5]
 * ```
 */
export function headForward(options: HeadOptions): Float64Array {
  checkOptions(options);
  const data = checkBatch(options);
  const { head, widths, batch } = data;
  const responses = fillUnanswered(data, data.baseline);
  const logits = new Float64Array(batch * data.outputs);
  const { kernels } = backendOf(options.backend);
  checkResponses(kernels.headForward(logits, responses, head.on(kernels), widths, batch), data);
  return logits;
}

/**
 * The gradient of a dense head's loss with respect to its responses, weights and biases.
 *
 * With `outputGradient` it carries that back instead of a loss, so that an encoder can be trained from the gradient its consumers return.
 *
 * @shape responses [batch, sum of widths]; result like the inputs
 * @param options - The head and batch, and `labels`, `targets` or `outputGradient`. A mean is divided by the sum of the weights.
 * @returns Loss, logits and gradients, all new arrays. An empty batch has loss 0 and zero gradients.
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_NONFINITE, BTM_LABEL, BTM_DOMAIN.
 * @numerics f64; weight gradients are one chain of fma over the samples in order, biases and loss the fixed tree. relu's slope at 0 is 0.
 *   A certain label keeps its gradient: the true class gets minus the sum of the others where p - 1 would have lost digits.
 * @cost 6 batch (peers width h + ...) FLOP
 * @paper section 1.6, step 4
 * @example
 * ```ts
 * import { headGradient } from 'intermodel';
 * const head = { layers: [{ weights: [0, 0], bias: [0, 0], activation: 'identity' as const }] };
 * const { loss, layers } = headGradient({ head, responses: [2], labels: [0], batch: 1, peers: 1, width: 1 });
 * console.log(loss, layers[0].weights); // 0.6931471805599453 Float64Array [-1, 1]
 * ```
 */
export function headGradient(options: HeadGradientOptions): HeadGradient {
  checkOptions(options);
  const loss = checkOneOf('loss', options.loss ?? 'softmaxCrossEntropy', LOSSES);
  const reduction = checkOneOf('reduction', options.reduction ?? 'mean', ['sum', 'mean']);
  const data = checkBatch(options);
  const { head, widths, outputs, batch } = data;
  const filled = fillUnanswered(data, data.baseline);
  const responses = isFloat64Array(filled) ? filled : new Float64Array(filled);
  const given = options.outputGradient;
  const upstream = given === undefined ? NO_NUMBERS : checkVector('outputGradient', given, batch * outputs);
  if (given !== undefined && LOSS_OPTIONS.some((name) => options[name] !== undefined)) {
    throw new InputError('BTM_DOMAIN', `excludes ${LOSS_OPTIONS.join(', ')}`, {
      argument: 'outputGradient',
      remedy: 'Pass one or the other.',
    });
  }
  const compared = given === undefined ? checkTargets(loss, options, batch, outputs, 'headGradient') : null;
  const total = compared?.total ?? batch;
  const losses = new Float64Array(given === undefined ? batch : 0);
  const logits = new Float64Array(batch * outputs);
  const responseGradient = new Float64Array(responses.length);
  const parameterGradient = new Float64Array(head.parameters.length);
  const { kernels } = backendOf(options.backend);
  const finite = kernels.headGradient(
    losses,
    logits,
    responseGradient,
    parameterGradient,
    responses,
    head.on(kernels),
    widths,
    compared?.labels ?? NO_INTEGERS,
    compared?.targets ?? NO_NUMBERS,
    compared?.weights ?? NO_NUMBERS,
    upstream,
    LOSSES.indexOf(loss),
    reduction === 'mean' && total > 0 ? total : 1,
    batch,
  );
  checkResponses(finite, data);
  clearUnanswered(responseGradient, data);
  const sum = new Float64Array(1);
  kernels.sumSamples(sum, losses, losses.length, 1);
  const value = reduction === 'mean' && total > 0 ? sum[0] / total : sum[0];
  return {
    loss: given === undefined ? value : null,
    logits,
    responses: responseGradient,
    layers: unpackGradient(parameterGradient, head.sizes),
  };
}

const LOSS_OPTIONS = ['labels', 'targets', 'sampleWeights', 'classWeights', 'ignoreLabel'] as const;

/** A response that was not read has no gradient. */
function clearUnanswered(gradient: Float64Array, { answered, widths, peers }: Answers): void {
  let at = 0;
  for (let cell = 0; cell < answered.length; cell++) {
    const width = widths[cell % peers];
    if (answered[cell] === 0) gradient.fill(0, at, at + width);
    at += width;
  }
}

function unpackGradient(flat: Float64Array, sizes: Int32Array): LayerGradient[] {
  const layers: LayerGradient[] = [];
  let at = 0;
  for (let l = 0; l + 1 < sizes.length; l++) {
    const weights = flat.slice(at, at + sizes[l] * sizes[l + 1]);
    at += weights.length;
    layers.push({ weights, bias: flat.slice(at, at + sizes[l + 1]) });
    at += sizes[l + 1];
  }
  return layers;
}

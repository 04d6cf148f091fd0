/** Dense heads over the responses of peers: forward pass and gradient, on the backend's kernels. */
import { type Backend, defaultBackend } from './backend/index.js';
import { InputError } from './core/errors.js';
import {
  checkFinite,
  checkInteger,
  checkLabels,
  checkLength,
  checkOneOf,
  checkVector,
  type Labels,
  type NumericArray,
} from './core/validate.js';
import { ACTIVATIONS, type Activation } from './reference/head.js';
import { LOSSES, type Loss } from './reference/loss.js';

export type { Activation } from './reference/head.js';
export type { Loss } from './reference/loss.js';

/** One dense layer: activation(weights x + bias). */
export interface HeadLayer {
  /** [outputs, inputs], row-major. */
  readonly weights: NumericArray;
  /** [outputs]; its length says how many outputs the layer has. */
  readonly bias: NumericArray;
  readonly activation: Activation;
}

/** A dense head. The first layer reads the peers' responses side by side: its inputs are peers * width. */
export interface Head {
  readonly layers: readonly HeadLayer[];
}

/** A head over a batch of responses. */
export interface HeadOptions {
  readonly head: Head;
  /** [batch, peers, width]. */
  readonly responses: NumericArray;
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
  readonly backend?: Backend;
}

/** Options of {@link headGradient}. */
export interface HeadGradientOptions extends HeadOptions {
  /** Default 'softmaxCrossEntropy'. */
  readonly loss?: Loss;
  /** Class of each sample, for 'softmaxCrossEntropy'. */
  readonly labels?: Labels;
  /** [batch, outputs], for the other losses; in [0, 1] for 'binaryCrossEntropy'. */
  readonly targets?: NumericArray;
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

/** A head as kernels receive it. */
export interface PackedHead {
  readonly parameters: Float64Array; // weights, bias of layer 1, weights, bias of layer 2, ...
  readonly sizes: Int32Array; // inputs of layer 1, then the outputs of each layer
  readonly activations: Int32Array;
  readonly outputs: number;
}

/** A validated batch. */
export interface CheckedBatch extends PackedHead {
  readonly responses: Float64Array;
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
}

/** Refuses anything but an object of options. */
export function checkOptions(options: unknown): void {
  if (typeof options === 'object' && options !== null) return;
  throw new InputError('BTM_TYPE', `must be an object, got ${String(options)}`, { argument: 'options', value: options });
}

const MAX_SIZE = 2 ** 31 - 1;

/** Checks a head against the number of inputs and lays its parameters out flat. */
export function packHead(head: Head, inputs: number): PackedHead {
  const layers: unknown = head?.layers;
  if (!Array.isArray(layers) || layers.length === 0) {
    throw new InputError('BTM_TYPE', 'must be a non-empty array of layers', {
      argument: 'head.layers',
      value: layers,
      remedy: "Each layer is { weights, bias, activation: 'identity' | 'relu' | 'tanh' | 'gelu' | 'sigmoid' }.",
    });
  }
  const sizes = new Int32Array(layers.length + 1);
  const activations = new Int32Array(layers.length);
  const checked: Float64Array[] = [];
  sizes[0] = inputs;
  for (const [l, layer] of (layers as HeadLayer[]).entries()) {
    const at = `head.layers[${l}]`;
    const bias: unknown = layer?.bias;
    const outputs = checkInteger(`${at}.bias.length`, (bias as ArrayLike<number> | undefined)?.length, 1, MAX_SIZE);
    sizes[l + 1] = outputs;
    activations[l] = ACTIVATIONS.indexOf(checkOneOf(`${at}.activation`, layer.activation, ACTIVATIONS));
    checked.push(checkVector(`${at}.weights`, layer.weights, outputs * sizes[l]), checkVector(`${at}.bias`, bias, outputs));
  }
  const parameters = new Float64Array(checked.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of checked) {
    parameters.set(part, at);
    at += part.length;
  }
  return { parameters, sizes, activations, outputs: sizes[layers.length] };
}

/**
 * Checks sizes, head and the shape of the responses. Whether each of the many responses is finite is settled by the kernel that reads
 * them, at no cost (src/backend/curvature.ts): pass what it returns to {@link checkResponses}.
 */
export function checkBatch(options: HeadOptions): CheckedBatch {
  const batch = checkInteger('batch', options.batch, 0, MAX_SIZE);
  const peers = checkInteger('peers', options.peers, 1, MAX_SIZE);
  const width = checkInteger('width', options.width, 1, MAX_SIZE);
  checkInteger('peers * width', peers * width, 1, MAX_SIZE);
  const responses = checkLength('responses', options.responses, batch * peers * width);
  return { ...packHead(options.head, peers * width), responses, batch, peers, width };
}

/** Refuses responses that are not finite; looks at them only when the kernel did not find its first layer finite. */
export function checkResponses(finite: boolean, responses: Float64Array): void {
  if (!finite) checkFinite('responses', responses);
}

/** What the samples are compared with, in the two forms that kernels read; the one that does not apply is empty. */
export interface CheckedTargets {
  readonly labels: Int32Array;
  readonly targets: Float64Array;
}

/** Checks labels or targets, whichever the loss reads; throws when they are needed and missing. */
export function checkTargets(
  loss: Loss,
  given: { readonly labels?: Labels; readonly targets?: NumericArray },
  batch: number,
  outputs: number,
  neededBy?: string,
): CheckedTargets | null {
  const name = loss === 'softmaxCrossEntropy' ? 'labels' : 'targets';
  const other = name === 'labels' ? 'targets' : 'labels';
  if (given[other] !== undefined) {
    throw new InputError('BTM_DOMAIN', `are not read by loss '${loss}'`, { argument: other, remedy: `Pass ${name} instead.` });
  }
  if (given[name] === undefined) {
    if (neededBy === undefined) return null;
    throw new InputError('BTM_TYPE', `are needed by ${neededBy}`, {
      argument: name,
      value: undefined,
      remedy: name === 'labels' ? 'Pass the class of each sample.' : 'Pass target values [batch, outputs].',
    });
  }
  if (loss === 'softmaxCrossEntropy') return { labels: checkLabels('labels', given.labels, batch, outputs), targets: new Float64Array(0) };
  const targets = checkVector('targets', given.targets, batch * outputs);
  if (loss === 'binaryCrossEntropy') checkProbabilities(targets);
  return { labels: new Int32Array(0), targets };
}

function checkProbabilities(targets: Float64Array): void {
  for (let index = 0; index < targets.length; index++) {
    const value = targets[index];
    if (value < 0 || value > 1) {
      throw new InputError('BTM_DOMAIN', `must be in [0, 1] for 'binaryCrossEntropy', got ${value}`, { argument: 'targets', index, value });
    }
  }
}

/**
 * The output z of a dense head for a batch of responses.
 *
 * @shape responses [batch, peers, width]; result [batch, outputs]
 * @param options - `head` over peers * width inputs, `responses`, and their sizes.
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
  const { responses, parameters, sizes, activations, outputs, batch, peers, width } = checkBatch(options);
  const logits = new Float64Array(batch * outputs);
  const { kernels } = options.backend ?? defaultBackend();
  checkResponses(kernels.headForward(logits, responses, parameters, sizes, activations, batch, peers, width), responses);
  return logits;
}

/**
 * The gradient of a dense head's loss with respect to its responses, weights and biases.
 *
 * With `outputGradient` it carries that back instead of a loss, so that an encoder can be trained from the gradient its consumers return.
 *
 * @shape responses [batch, peers, width]; result like the inputs
 * @param options - The head and batch, and `labels`, `targets` or `outputGradient`.
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
  const { responses, parameters, sizes, activations, outputs, batch, peers, width } = checkBatch(options);
  const given = options.outputGradient;
  const upstream = given === undefined ? new Float64Array(0) : checkVector('outputGradient', given, batch * outputs);
  const compared = given === undefined ? checkTargets(loss, options, batch, outputs, 'headGradient') : null;
  if (given !== undefined && (options.labels !== undefined || options.targets !== undefined)) {
    throw new InputError('BTM_DOMAIN', 'excludes labels and targets', { argument: 'outputGradient', remedy: 'Pass one or the other.' });
  }
  const losses = new Float64Array(given === undefined ? batch : 0);
  const logits = new Float64Array(batch * outputs);
  const responseGradient = new Float64Array(responses.length);
  const parameterGradient = new Float64Array(parameters.length);
  const { kernels } = options.backend ?? defaultBackend();
  const finite = kernels.headGradient(
    losses,
    logits,
    responseGradient,
    parameterGradient,
    responses,
    parameters,
    sizes,
    activations,
    compared?.labels ?? new Int32Array(0),
    compared?.targets ?? new Float64Array(0),
    upstream,
    LOSSES.indexOf(loss),
    reduction === 'mean' ? Math.max(batch, 1) : 1,
    batch,
    peers,
    width,
  );
  checkResponses(finite, responses);
  const total = new Float64Array(1);
  kernels.sumSamples(total, losses, losses.length, 1);
  const value = reduction === 'mean' && batch > 0 ? total[0] / batch : total[0];
  return {
    loss: given === undefined ? value : null,
    logits,
    responses: responseGradient,
    layers: unpackGradient(parameterGradient, sizes),
  };
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

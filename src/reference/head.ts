/**
 * A dense head z = head(f_1 .. f_n) over the responses of n peers, in plain TypeScript: the oracle of the native kernels.
 *
 * The first layer is kept apart per peer: its pre-activation is bias + sum_i W1_i f_i, so the contributions W1_i f_i that the
 * forward pass needs anyway are also the tangents of removing peer i. Each product element is one ascending chain of fma.
 */
import { expm1, fma, sigmoid, sigmoidDerivative, tanh } from '../core/arithmetic/index.js';
import { ACTIVATIONS, type Activation } from '../core/closed-lists.js';
import { LOST } from './divergence.js';

/** One layer as kernels see it: views into the flat parameters. */
export interface Layer {
  readonly weights: Float64Array; // [outputs, inputs]
  readonly bias: Float64Array; // [outputs]
  readonly activation: Activation;
  readonly inputs: number;
  readonly outputs: number;
}

/** Responses as they come: single precision is read as the doubles it stands for. */
export type Responses = Float64Array | Float32Array;

/** A head as the reference keeps it. */
export interface ReferenceHead {
  readonly layers: Layer[];
  readonly inputs: number;
  readonly outputs: number;
}

/** A copy of flat parameters (weights, bias, weights, bias, ...), split into layers; see {@link layersOf}. */
export function prepareHead(parameters: Float64Array, sizes: Int32Array, activations: Int32Array): ReferenceHead {
  const layers = layersOf(parameters.slice(), sizes, activations);
  return { layers, inputs: sizes[0], outputs: sizes[sizes.length - 1] };
}

/** Splits flat parameters (weights, bias, weights, bias, ...) into layers; sizes is [inputs, outputs of layer 1, 2, ...]. */
export function layersOf(parameters: Float64Array, sizes: Int32Array, activations: Int32Array): Layer[] {
  const layers: Layer[] = [];
  let at = 0;
  for (let l = 0; l < activations.length; l++) {
    const inputs = sizes[l];
    const outputs = sizes[l + 1];
    const weights = parameters.subarray(at, at + outputs * inputs);
    const bias = parameters.subarray(at + outputs * inputs, at + outputs * inputs + outputs);
    layers.push({ weights, bias, activation: ACTIVATIONS[activations[l]], inputs, outputs });
    at += outputs * (inputs + 1);
  }
  return layers;
}

const GELU_SCALE = 1.5957691216057308; // 2 sqrt(2 / pi)
const GELU_CUBIC = 0.044715;
const GELU_SATURATED = 30; // from here on the slope is exactly 0 or 1; keeps x^3 finite

/**
 * phi(x). gelu is the tanh form x (1 + tanh(y)) / 2 with y = sqrt(2 / pi) (x + 0.044715 x^3), written as
 * x sigmoid(2 y), which is the same function without the cancellation in 1 + tanh.
 */
export function activate(activation: Activation, x: number): number {
  switch (activation) {
    case 'identity':
      return x;
    case 'relu':
      return Math.max(x, 0);
    case 'tanh':
      return tanh(x);
    case 'gelu':
      return x * sigmoid(geluArgument(x));
    case 'sigmoid':
      return sigmoid(x);
  }
}

/** phi'(x); tanh' is 4 sigmoid'(2x), which keeps its digits where 1 - tanh^2 has none. */
export function activationSlope(activation: Activation, x: number): number {
  switch (activation) {
    case 'identity':
      return 1;
    case 'relu':
      return x > 0 ? 1 : 0;
    case 'tanh':
      return 4 * sigmoidDerivative(2 * x);
    case 'gelu': {
      const bounded = x > GELU_SATURATED ? GELU_SATURATED : Math.max(x, -GELU_SATURATED);
      const y = geluArgument(bounded);
      const slope = GELU_SCALE * (1 + 3 * GELU_CUBIC * (bounded * bounded));
      return sigmoid(y) + bounded * sigmoidDerivative(y) * slope;
    }
    case 'sigmoid':
      return sigmoidDerivative(x);
  }
}

/** phi(x + change) - phi(x), given phi(x): by its own formula where the difference would lose digits. */
export function activationChange(activation: Activation, x: number, change: number, value: number): number {
  const difference = activate(activation, x + change) - value;
  return Math.abs(difference) >= LOST * Math.abs(value) ? difference : smallChange(activation, x, change);
}

function smallChange(activation: Activation, x: number, change: number): number {
  switch (activation) {
    case 'identity':
      return change;
    case 'relu':
      return x > 0 ? Math.max(change, -x) : Math.max(x + change, 0);
    case 'tanh':
      return 2 * sigmoidChange(2 * x, 2 * change);
    case 'gelu': {
      if (change === 0) return 0;
      const cubic = change * (3 * (x * x) + change * (3 * x + change)); // (x + change)^3 - x^3
      const argument = geluArgument(x);
      const moved = GELU_SCALE * (change + GELU_CUBIC * cubic);
      return change * sigmoid(argument + moved) + x * sigmoidChange(argument, moved);
    }
    case 'sigmoid':
      return sigmoidChange(x, change);
  }
}

/** sigmoid(x + change) - sigmoid(x) as a product: the smaller exponential's part times both tails. */
function sigmoidChange(x: number, change: number): number {
  const part = expm1(-Math.abs(change));
  const moved = x + change;
  return change < 0 ? part * (sigmoid(x) * sigmoid(-moved)) : -(part * (sigmoid(moved) * sigmoid(-x)));
}

function geluArgument(x: number): number {
  return GELU_SCALE * (x + GELU_CUBIC * (x * x * x));
}

/** start + W x for a row-major W, each element one ascending chain of fma; without a start it begins at zero. */
export function affine(layer: Layer, x: Float64Array, start?: Float64Array): Float64Array {
  const out = new Float64Array(layer.outputs);
  for (let o = 0; o < layer.outputs; o++) {
    let sum = start === undefined ? 0 : start[o];
    for (let k = 0; k < layer.inputs; k++) sum = fma(layer.weights[o * layer.inputs + k], x[k], sum);
    out[o] = sum;
  }
  return out;
}

/** Where each peer's responses begin, and their end: [peers + 1]. */
export function offsetsOf(widths: Int32Array): Int32Array {
  const offsets = new Int32Array(widths.length + 1);
  for (const [peer, width] of widths.entries()) offsets[peer + 1] = offsets[peer] + width;
  return offsets;
}

/** W1_i f_i for every peer i of one sample: [peers][outputs of the first layer]. */
export function contributions(first: Layer, response: Responses, offsets: Int32Array): Float64Array[] {
  return Array.from({ length: offsets.length - 1 }, (_, peer) => {
    const out = new Float64Array(first.outputs);
    for (let o = 0; o < first.outputs; o++) {
      let sum = 0;
      for (let k = offsets[peer]; k < offsets[peer + 1]; k++) sum = fma(first.weights[o * first.inputs + k], response[k], sum);
      out[o] = sum;
    }
    return out;
  });
}

/** Pre-activations of every layer, and the head's output, for one sample. */
export interface Forward {
  readonly parts: Float64Array[]; // first-layer contribution of each peer
  readonly moves: Float64Array[]; // what removing each peer takes away: its part less its baseline's, 0 for one that did not answer
  readonly shifts: Float64Array[] | null; // first-layer contribution of each peer's baseline, null for none
  readonly preactivations: Float64Array[]; // one per layer
  readonly outputs: Float64Array[]; // one per layer; the last is z
}

/** A head with the peers that it reads side by side, and the contributions of their baselines; null where these are zero. */
export function overPeers(head: object, widths: Int32Array, baseline: Float64Array) {
  const { layers, inputs, outputs } = head as ReferenceHead;
  const offsets = offsetsOf(widths);
  const shifts = baseline.length === 0 ? null : contributions(layers[0], baseline, offsets);
  return { layers, inputs, outputs, peers: widths.length, offsets, shifts };
}

/**
 * The forward pass of one sample: bias, then the contribution of peer 0, 1, ... added in order. `shifts` are the contributions of the
 * baselines (null: zero); `answered` is empty, or [peers] with 0 for a peer whose baseline stands for its answer.
 */
export function forward(
  layers: Layer[],
  response: Responses,
  offsets: Int32Array,
  shifts: Float64Array[] | null = null,
  answered: Int32Array = new Int32Array(0),
): Forward {
  const parts = contributions(layers[0], response, offsets);
  const moves = shifts === null ? parts.slice() : parts.map((part, i) => part.map((x, o) => x - shifts[i][o]));
  for (const [i, flag] of answered.entries()) {
    if (flag !== 0) continue;
    parts[i] = shifts === null ? new Float64Array(layers[0].outputs) : shifts[i];
    moves[i] = new Float64Array(layers[0].outputs);
  }
  const preactivations: Float64Array[] = [];
  const outputs: Float64Array[] = [];
  for (const [l, layer] of layers.entries()) {
    let a: Float64Array;
    if (l === 0) {
      a = layer.bias.slice();
      for (const part of parts) for (let o = 0; o < a.length; o++) a[o] += part[o];
    } else {
      a = affine(layer, outputs[l - 1], layer.bias);
    }
    preactivations.push(a);
    outputs.push(a.map((x) => activate(layer.activation, x)));
  }
  return { parts, moves, shifts, preactivations, outputs };
}

/** What every kernel that reads responses returns (see curvature-kernels.ts). */
export function firstIsFinite(pass: Forward): boolean {
  return Number.isFinite(pass.preactivations[0][0]);
}

/** The change of z to first order when the first layer's pre-activation moves along `part`: J times that direction. */
export function tangent(layers: Layer[], pass: Forward, part: Float64Array): Float64Array {
  let direction = part;
  for (const [l, layer] of layers.entries()) {
    const moved = l === 0 ? direction : affine(layer, direction);
    const a = pass.preactivations[l];
    direction = layer.activation === 'identity' ? moved : moved.map((x, o) => activationSlope(layer.activation, a[o]) * x);
  }
  return direction;
}

/** What taking a peer out does to z: the change, and z without the peer where it was computed by itself. */
export interface Removal {
  readonly change: Float64Array;
  readonly moved: Float64Array | null;
}

/** Contributions beyond this are left out of the sums instead of being subtracted from them: a floor leaves no digits of the rest. */
const LARGEST_PART = 1024;

/**
 * The exact change of z when some peers' contributions are taken out of the first layer's pre-activation: carried as a difference layer
 * by layer, or, where a contribution dwarfs the others, from a forward pass without those peers.
 */
export function removal(layers: Layer[], pass: Forward, members: ArrayLike<number>): Removal {
  const part = partOf(pass, members);
  if (!part.every((x) => Math.abs(x) <= LARGEST_PART)) return removalApart(layers, pass, members);
  let change: Float64Array = part.map((x) => -x);
  for (const [l, layer] of layers.entries()) {
    const moved = l === 0 ? change : affine(layer, change);
    const a = pass.preactivations[l];
    const value = pass.outputs[l];
    change = layer.activation === 'identity' ? moved : moved.map((x, o) => activationChange(layer.activation, a[o], x, value[o]));
  }
  return { change, moved: null };
}

/** What removing some peers takes from the first layer: added up in order. */
export function partOf(pass: Forward, members: ArrayLike<number>): Float64Array {
  const part = pass.moves[members[0]].slice();
  for (let k = 1; k < members.length; k++) {
    const other = pass.moves[members[k]];
    for (let o = 0; o < part.length; o++) part[o] += other[o];
  }
  return part;
}

function removalApart(layers: Layer[], pass: Forward, members: ArrayLike<number>): Removal {
  const removed = new Set(Array.from(members));
  let moved: Float64Array = layers[0].bias.slice();
  for (const [i, part] of pass.parts.entries()) {
    const stays = removed.has(i) ? pass.shifts?.[i] : part;
    if (stays !== undefined) for (let o = 0; o < moved.length; o++) moved[o] += stays[o];
  }
  for (const [l, layer] of layers.entries()) {
    const a = l === 0 ? moved : affine(layer, moved, layer.bias);
    moved = layer.activation === 'identity' ? a : a.map((x) => activate(layer.activation, x));
  }
  const z = pass.outputs[layers.length - 1];
  return { change: moved.map((x, c) => x - z[c]), moved };
}

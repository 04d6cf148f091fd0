/**
 * Heads as kernels read them, checked and laid out once. A head whose numbers are still the same, whatever array they are in, is found
 * again and reused; one whose arrays were changed in place is not, because every call compares them with the copy.
 */

import type { Kernels } from './backend/index.js';
import { ACTIVATIONS, type Activation } from './core/closed-lists.js';
import { InputError } from './core/errors.js';
import { isFloat32Array, isFloat64Array } from './core/typed-arrays.js';
import { checkInteger, checkOneOf, checkVector, type NumericArray } from './core/validate.js';

/** One dense layer: activation(weights x + bias). */
export interface HeadLayer {
  /** [outputs, inputs], row-major. */
  readonly weights: NumericArray;
  /** [outputs]; its length says how many outputs the layer has. */
  readonly bias: NumericArray;
  readonly activation: Activation;
}

/** A dense head. The first layer reads the peers' responses side by side: its inputs are the sum of their widths. */
export interface Head {
  readonly layers: readonly HeadLayer[];
}

const MAX_SIZE = 2 ** 31 - 1;

/** A checked copy of a head. */
export class PreparedHead {
  /** Weights, bias of layer 1, weights, bias of layer 2, ... */
  readonly parameters: Float64Array;
  /** Inputs of layer 1, then the outputs of each layer. */
  readonly sizes: Int32Array;
  readonly activations: Int32Array;
  readonly #names: readonly string[];
  readonly #copies: readonly Copy[];
  #largest: number | undefined;
  readonly #handles = new WeakMap<Kernels, object>();

  constructor(layers: readonly HeadLayer[], inputs: number) {
    const sizes = [inputs];
    const checked: Float64Array[] = [];
    for (const [l, layer] of layers.entries()) {
      const at = `head.layers[${l}]`;
      const bias: unknown = layer?.bias;
      const outputs = checkInteger(`${at}.bias.length`, (bias as ArrayLike<number> | undefined)?.length, 1, MAX_SIZE);
      checkOneOf(`${at}.activation`, layer.activation, ACTIVATIONS);
      checked.push(checkVector(`${at}.weights`, layer.weights, outputs * sizes[l]), checkVector(`${at}.bias`, bias, outputs));
      sizes.push(outputs);
    }
    this.#names = layers.map(({ activation }) => activation);
    this.activations = Int32Array.from(layers, ({ activation }) => ACTIVATIONS.indexOf(activation));
    this.sizes = Int32Array.from(sizes);
    this.parameters = new Float64Array(checked.reduce((sum, part) => sum + part.length, 0));
    const copies: Copy[] = [];
    let at = 0;
    for (const [k, part] of checked.entries()) {
      this.parameters.set(part, at);
      const layer = layers[Math.floor(k / 2)];
      copies.push(new Copy(k % 2 === 0 ? layer.weights : layer.bias, this.parameters.subarray(at, at + part.length)));
      at += part.length;
    }
    this.#copies = copies;
  }

  get inputs(): number {
    return this.sizes[0];
  }

  get outputs(): number {
    return this.sizes[this.sizes.length - 1];
  }

  /** Whether it is one layer without an activation. */
  get isLinear(): boolean {
    return this.#names.length === 1 && this.#names[0] === 'identity';
  }

  /** Size of its largest number. */
  get largest(): number {
    this.#largest ??= this.parameters.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    return this.#largest;
  }

  /** The handle to this head on a backend's kernels. */
  on(kernels: Kernels): object {
    let handle = this.#handles.get(kernels);
    if (handle === undefined) {
      handle = kernels.prepareHead(this.parameters, this.sizes, this.activations);
      this.#handles.set(kernels, handle);
    }
    return handle;
  }

  /** Whether the layers hold the numbers that this copy was made of, to the bit. */
  isOf(layers: readonly HeadLayer[], inputs: number): boolean {
    if (inputs !== this.sizes[0] || layers.length !== this.#names.length) return false;
    for (let l = 0; l < layers.length; l++) {
      const layer = layers[l];
      if (layer?.activation !== this.#names[l]) return false;
      if (!this.#copies[2 * l].equals(layer.weights) || !this.#copies[2 * l + 1].equals(layer.bias)) return false;
    }
    return true;
  }
}

/** One array of a head as it was given, for comparison. */
class Copy {
  readonly #bytes: Uint8Array | null;
  readonly #single: boolean;
  readonly #numbers: Float64Array;

  constructor(source: unknown, numbers: Float64Array) {
    this.#numbers = numbers;
    this.#single = isFloat32Array(source);
    if (isFloat64Array(source)) this.#bytes = bytesOf(numbers);
    else this.#bytes = isFloat32Array(source) ? bytesOf(source.slice()) : null;
  }

  equals(array: unknown): boolean {
    const numbers = this.#numbers;
    if (this.#bytes !== null) {
      if (!(isFloat32Array(array) || isFloat64Array(array))) return false;
      if (isFloat32Array(array) !== this.#single || array.byteLength !== this.#bytes.length) return false;
      if (numbers.length <= FEW && !this.#single) return sameNumbers(array, numbers);
      return Buffer.compare(bytesOf(array), this.#bytes) === 0;
    }
    if (!Array.isArray(array) || array.length !== numbers.length) return false;
    return sameNumbers(array, numbers);
  }
}

/** Up to so many numbers a loop is faster than two views of bytes and a comparison. */
const FEW = 64;

/** The same numbers; one NaN is like another, and neither is in a head. */
function sameNumbers(a: ArrayLike<unknown>, b: Float64Array): boolean {
  for (let k = 0; k < b.length; k++) if (!Object.is(a[k], b[k])) return false;
  return true;
}

function bytesOf(array: Float64Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** What was made of a head, found by the array of its first weights. */
const known = new WeakMap<object, PreparedHead>();

/** Checks a head against the number of inputs, or finds it again. */
export function prepareHead(head: Head, inputs: number): PreparedHead {
  const layers: unknown = head?.layers;
  if (!Array.isArray(layers) || layers.length === 0) {
    throw new InputError('BTM_TYPE', 'must be a non-empty array of layers', {
      argument: 'head.layers',
      value: layers,
      remedy: "Each layer is { weights, bias, activation: 'identity' | 'relu' | 'tanh' | 'gelu' | 'sigmoid' }.",
    });
  }
  const key: unknown = layers[0]?.weights;
  const found = typeof key === 'object' && key !== null ? known.get(key) : undefined;
  if (found?.isOf(layers, inputs) === true) return found;
  const prepared = new PreparedHead(layers, inputs);
  known.set(key as object, prepared);
  return prepared;
}

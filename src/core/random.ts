/**
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, 2011). A number depends on its seed and
 * indices alone, never on what was drawn before elsewhere. native/src/random.hpp gives the same bits.
 */
import { log } from './arithmetic/log.js';
import { InputError } from './errors.js';
import { checkInteger } from './validate.js';

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const TWO_32 = 2 ** 32;
const TWO_53 = 2 ** 53;

/** Two 32-bit words. */
export type PhiloxKey = readonly [number, number];
/** Four 32-bit words. */
export type PhiloxCounter = readonly [number, number, number, number];

/** High 32 bits of the product of two 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + (cross >>> 16)) >>> 0;
}

/**
 * One block of Philox4x32-10: four 32-bit words from a key and a counter.
 * @example philox([0, 0], [0, 0, 0, 0]) // returns Uint32Array [1713891541, 3781805453, 3159862348, 2600524760]
 */
export function philox(key: PhiloxKey, counter: PhiloxCounter): Uint32Array {
  const out = new Uint32Array(4);
  philoxInto(out, key[0], key[1], counter[0], counter[1], counter[2], counter[3]);
  return out;
}

function philoxInto(out: Uint32Array, key0: number, key1: number, word0: number, word1: number, word2: number, word3: number): void {
  let k0 = key0;
  let k1 = key1;
  let x0 = word0;
  let x1 = word1;
  let x2 = word2;
  let x3 = word3;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0);
    const low0 = Math.imul(MULTIPLIER_0, x0);
    const high1 = multiplyHigh(MULTIPLIER_1, x2);
    const low1 = Math.imul(MULTIPLIER_1, x2);
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1 >>> 0;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/** Third counter word while a key is derived, so that no derivation meets a draw. */
const DERIVE = 0x64657276;

/**
 * An endless sequence of random numbers named by a seed and any number of indices, such as (seed, trial, step).
 *
 * The seed is the first key; each index in turn gives the next key. Streams with different names are independent.
 * @param seed integer in [0, 2^53)
 * @param indices integers in [0, 2^53)
 * @example new RandomStream(7, 3).uniform() // returns 0.4518182777166617
 */
export class RandomStream {
  readonly #key: [number, number];
  readonly #words = new Uint32Array(4);
  #block = 0;
  #used = 4;
  #spareNormal = Number.NaN;

  constructor(seed: number, ...indices: readonly number[]) {
    checkInteger('seed', seed, 0);
    this.#key = [seed >>> 0, Math.floor(seed / TWO_32)];
    indices.forEach((index, depth) => {
      checkInteger(`indices[${depth}]`, index, 0);
      philoxInto(this.#words, this.#key[0], this.#key[1], index >>> 0, Math.floor(index / TWO_32), DERIVE, depth);
      this.#key[0] = this.#words[0];
      this.#key[1] = this.#words[1];
    });
  }

  /** 32 uniform bits. */
  nextUint32(): number {
    if (this.#used === 4) {
      philoxInto(this.#words, this.#key[0], this.#key[1], this.#block >>> 0, Math.floor(this.#block / TWO_32), 0, 0);
      this.#block += 1;
      this.#used = 0;
    }
    return this.#words[this.#used++];
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 67108864 + low) / TWO_53;
  }

  /** Standard normal, by Marsaglia's polar method with the package's own logarithm. */
  normal(): number {
    if (!Number.isNaN(this.#spareNormal)) {
      const spare = this.#spareNormal;
      this.#spareNormal = Number.NaN;
      return spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const factor = Math.sqrt((-2 * log(s)) / s);
      this.#spareNormal = v * factor;
      return u * factor;
    }
  }

  /** Uniform integer in [0, n), without bias; n up to 2^53. */
  integer(n: number): number {
    checkInteger('n', n, 1, TWO_53);
    const range = n <= TWO_32 ? TWO_32 : TWO_53;
    const limit = range - (range % n);
    for (;;) {
      const draw = n <= TWO_32 ? this.nextUint32() : this.uniform() * TWO_53;
      if (draw < limit) return draw % n;
    }
  }

  /** A new array with the items in uniformly random order (Fisher and Yates, from the end). */
  shuffle<T>(items: ArrayLike<T>): T[] {
    const out = Array.from(items);
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  /** An index drawn with probability proportional to its weight. */
  categorical(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) {
      if (!(weights[i] >= 0)) {
        throw new InputError('BTM_NEGATIVE', `must not be negative or NaN, got ${weights[i]}`, { argument: 'weights', index: i });
      }
      total += weights[i];
    }
    if (!(total > 0 && total < Number.POSITIVE_INFINITY)) {
      throw new InputError('BTM_DOMAIN', `must have a positive finite sum, got ${total}`, { argument: 'weights', value: total });
    }
    const threshold = this.uniform() * total;
    let reached = 0;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] === 0) continue;
      reached += weights[i];
      last = i;
      if (threshold < reached) return i;
    }
    return last; // rounding left the threshold at the total itself
  }
}

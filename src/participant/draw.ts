/** Vectors of random numbers named by a seed and a stream: initial weights, shards, batch orders, a free rider's noise. */
import { RandomStream } from '../core/random.js';

/** `count` standard normal numbers. */
export function normals(seed: number, stream: readonly number[], count: number): Float64Array {
  const source = new RandomStream(seed, ...stream);
  const out = new Float64Array(count);
  for (let k = 0; k < count; k++) out[k] = source.normal();
  return out;
}

/** `count` numbers uniform in [0, 1). */
export function uniforms(seed: number, stream: readonly number[], count: number): Float64Array {
  const source = new RandomStream(seed, ...stream);
  const out = new Float64Array(count);
  for (let k = 0; k < count; k++) out[k] = source.uniform();
  return out;
}

/** A uniformly random order of 0 .. n-1. */
export function permutation(seed: number, stream: readonly number[], n: number): Uint32Array {
  return Uint32Array.from(new RandomStream(seed, ...stream).shuffle(Array.from({ length: n }, (_, index) => index)));
}

/** The backends a kernel must agree on, and random inputs for it. */
import { type Backend, createBackend, loadAddon } from '../../src/backend/index.js';
import type { RandomStream } from '../../src/core/random.js';
import { gpus } from './cuda.js';

/** The reference, which the others are compared with. */
export const reference: Backend = createBackend({ kind: 'reference' });

/** Every instruction set of this machine with 1, 2 and 7 threads. */
export const natives: readonly Backend[] =
  gpus?.map(({ backend }) => backend) ??
  Object.entries(loadAddon().addon.describe().isas)
    .filter(([, status]) => status === 'available')
    .flatMap(([isa]) => [1, 2, 7].map((threads) => createBackend({ kind: 'native', isa, threads })));

/** Name of a backend for a test's title. */
export function nameOf(backend: Backend): string {
  const { kind, isa, threads } = backend.describe();
  return `${kind} ${isa}, ${threads} threads`;
}

/** Sizes around the vector widths, and two that divide by none. */
export const awkwardSizes: readonly number[] = [1, 2, 3, 4, 5, 7, 8, 9, 11, 97];

/** `length` standard normal numbers times `scale`, in an array that starts 8 bytes into its buffer. */
export function misaligned(stream: RandomStream, length: number, scale = 1): Float64Array {
  const view = new Float64Array(length + 1).subarray(1);
  for (let k = 0; k < length; k++) view[k] = scale * stream.normal();
  return view;
}

/** Index of the first element whose bits differ, or -1. Zeros of either sign and every NaN differ from one another here. */
export function firstDifference(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  return a.findIndex((entry, k) => !Object.is(entry, b[k]));
}

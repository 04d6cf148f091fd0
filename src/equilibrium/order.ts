/** In which order rows move within a step. */
import { RandomStream } from '../core/random.js';
import { checkedMethod } from './settings.js';
import type { Method } from './types.js';

/** The order of the n rows in a step; undefined where all move at once. */
export function orderOfStep(method: Method, n: number, step: number): Int32Array | undefined {
  const { order, seed } = checkedMethod(method);
  if (order === 'simultaneous' || n === 0) return undefined;
  const rows = Int32Array.from({ length: n }, (_, row) => row);
  return order === 'sequential' ? rows : shuffledRows(rows, seed, step);
}

/** The random order of a step. */
export function shuffledRows(rows: Int32Array, seed: number, step: number): Int32Array {
  const stream = new RandomStream(seed, step);
  const out = rows.slice();
  for (let last = out.length - 1; last > 0; last--) {
    const other = stream.integer(last + 1);
    [out[last], out[other]] = [out[other], out[last]];
  }
  return out;
}

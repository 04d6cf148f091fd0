/** Consensus over rows: the largest weight that a part of the stake supports, clipping to it, and pulling towards it. */
import { InputError } from '../core/errors.js';
import { checkPeers, checkStake } from '../core/peers.js';

/**
 * For each column the largest w such that raters with at least the part kappa of all stake give at least w.
 *
 * @shape rows [raters, n], stake [raters]; result [n]
 * @param kappa - in (0, 1]; 0.5 is the stake-weighted median.
 * @returns the supported weight of every column; 0 where there is no stake.
 * @example
 * ```ts
 * import { weightedMedian } from 'intermodel/scenario';
 * console.log(weightedMedian([0.2, 0.8, 0.6, 0.4], [3, 1], 2, 0.5)); // Float64Array [ 0.2, 0.8 ]
 * ```
 */
export function weightedMedian(rows: ArrayLike<number>, stake: ArrayLike<number>, n: number, kappa: number): Float64Array {
  checkPeers(n);
  const raters = stake.length;
  checkStake(stake as Float64Array, raters);
  if (rows.length !== raters * n) {
    throw new InputError('BTM_SHAPE', `must have ${raters} x ${n} entries, got ${rows.length}`, { argument: 'rows', value: rows.length });
  }
  let total = 0;
  for (let i = 0; i < raters; i++) total += stake[i]!;
  const order = Array.from({ length: raters }, (_, i) => i);
  const out = new Float64Array(n);
  if (!(total > 0)) return out;
  for (let j = 0; j < n; j++) {
    order.sort((a, b) => rows[b * n + j]! - rows[a * n + j]! || a - b);
    let support = 0;
    for (const i of order) {
      support += stake[i]!;
      if (support >= kappa * total * (1 - 1e-12)) {
        out[j] = rows[i * n + j]!;
        break;
      }
    }
  }
  return out;
}

/** Rows with every weight above its column's supported weight cut down to it, [raters, n]; `pull` in [0, 1] says how much of the cut is made. */
export function clipped(rows: ArrayLike<number>, stake: ArrayLike<number>, n: number, kappa: number, pull = 1): Float64Array {
  const supported = weightedMedian(rows, stake, n, kappa);
  return Float64Array.from({ length: rows.length }, (_, at) => {
    const weight = rows[at]!;
    const limit = supported[at % n]!;
    return weight > limit ? (1 - pull) * weight + pull * limit : weight;
  });
}

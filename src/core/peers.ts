/** Arguments that the functions over n peers share: how many, their stake, their Hessians. */

import { HESSIAN_STORAGES } from './closed-lists.js';
import { InputError } from './errors.js';
import { isFloat64Array } from './typed-arrays.js';
import { checkInteger, checkNonNegativeVector, checkOneOf, checkSymmetric, checkVector, type NumericArray } from './validate.js';

/** Largest number of peers: keeps n * n and its bytes within what typed arrays and 32-bit sizes hold. */
export const MAX_PEERS = 32768;

/** A number of peers. */
export function checkPeers(value: unknown): number {
  return checkInteger('n', value, 0, MAX_PEERS);
}

/** Stake [n], one each where none is given. */
export function checkStake(stake: NumericArray | undefined, n: number): Float64Array {
  return stake === undefined ? new Float64Array(n).fill(1) : checkNonNegativeVector('stake', stake, n);
}

/** A temperature: above zero, and not so small that its inverse overflows, or the stake in its units. */
export function checkTemperature(value: unknown, stake: Float64Array): number {
  if (typeof value !== 'number') throw new InputError('BTM_TYPE', 'must be a number', { argument: 'temperature', value });
  if (!Number.isFinite(value)) throw new InputError('BTM_NONFINITE', `must be finite, got ${value}`, { argument: 'temperature', value });
  if (!(value >= 1e-300)) {
    throw new InputError('BTM_DOMAIN', `must be at least 1e-300, got ${value}`, {
      argument: 'temperature',
      value,
      remedy: 'Between about 1 and 10 the mask is neither flat nor saturated for unit stake.',
    });
  }
  const total = stake.reduce((sum, entry) => sum + entry / value, 0);
  if (!Number.isFinite(total)) {
    throw new InputError('BTM_DOMAIN', `must leave the total stake divided by it below the largest double, got ${value}`, {
      argument: 'temperature',
      value,
      remedy: 'Use larger units of stake, or a higher temperature.',
    });
  }
  return value;
}

/** What may look at many matrices at once: a kernel of a backend. */
export interface MatrixChecks {
  areSymmetric(matrices: Float64Array, count: number, n: number): boolean;
}

/** The Hessians of n participants as kernels take them. */
export interface PeerHessians {
  readonly data: Float64Array;
  /** Index into {@link HESSIAN_STORAGES}. */
  readonly storage: number;
  /** Rows of the factor for low rank, else 0. */
  readonly rank: number;
  /** 1 when every participant has a Hessian of its own, 0 when all share one. */
  readonly own: 0 | 1;
}

/**
 * Checks { kind, data, rank } for n participants: dense [n, n, n], shared [n, n], lowRank A [rank, n] or [n, rank, n] with
 * H = A^T A, diagonal [n] or [n, n]. Dense matrices come back exactly symmetric, in a copy when rounding had left them not quite so.
 */
export function checkPeerHessians(
  hessian: { readonly kind: string; readonly data: NumericArray; readonly rank?: number },
  n: number,
  kernels?: MatrixChecks,
): PeerHessians {
  const kind = checkOneOf('hessian.kind', hessian?.kind, HESSIAN_STORAGES);
  const rank = kind === 'lowRank' ? checkInteger('hessian.rank', hessian.rank, 0, MAX_PEERS) : 0;
  const one = kind === 'lowRank' ? rank * n : kind === 'diagonal' ? n : n * n;
  const shared = kind === 'shared' || (kind !== 'dense' && hessian.data?.length === one);
  const length = shared ? one : one * n;
  const isMatrix = kind === 'dense' || kind === 'shared';
  const count = shared ? 1 : n;
  const given = hessian.data;
  const isClean = isMatrix && isFloat64Array(given) && given.length === length && kernels?.areSymmetric(given, count, n) === true;
  const data = isClean ? given : checkVector('hessian.data', given, length);
  return {
    data: isMatrix && !isClean ? symmetric(data, count, n) : data,
    storage: HESSIAN_STORAGES.indexOf(kind),
    rank,
    own: shared ? 0 : 1,
  };
}

function symmetric(data: Float64Array, count: number, n: number): Float64Array {
  let out = data;
  for (let m = 0; m < count; m++) {
    checkSymmetric('hessian.data', data, n, m * n * n);
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) {
        const upper = m * n * n + i * n + j;
        const lower = m * n * n + j * n + i;
        if (out[upper] === out[lower]) continue;
        if (out === data) out = data.slice();
        out[lower] = out[upper];
      }
    }
  }
  return out;
}

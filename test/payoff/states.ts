/** Random weights, stake and Hessians, drawn from named streams, on views that start in the middle of a buffer. */
import type { RandomStream } from '../../src/core/random.js';
import type { Hessian } from '../../src/curvature.js';

/** A Float64Array whose first byte lies `offset` doubles into its buffer: loads are misaligned for every vector width. */
export function misaligned(values: ArrayLike<number>, offset = 1): Float64Array {
  const view = new Float64Array(values.length + offset + 1).subarray(offset, offset + values.length);
  view.set(Array.from(values));
  return view;
}

/** Numbers with several magnitudes, signs and exact zeros. */
export function spread(stream: RandomStream, count: number): Float64Array {
  return misaligned(
    Array.from({ length: count }, () => {
      const kind = stream.uniform();
      return kind < 0.1 ? 0 : stream.normal() * (kind < 0.3 ? 1e3 : kind < 0.5 ? 1e-6 : 1);
    }),
  );
}

/** Rows on the simplex; some entries exactly 0. */
export function simplexRows(stream: RandomStream, rows: number, n: number): Float64Array {
  const out = misaligned(new Float64Array(rows * n));
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) {
      out[i * n + j] = stream.uniform() < 0.2 && j > 0 ? 0 : stream.uniform() + 1e-3;
      sum += out[i * n + j];
    }
    for (let j = 0; j < n; j++) out[i * n + j] /= sum;
  }
  return out;
}

/** Stake of unequal size, one of them 0. */
export function stakes(stream: RandomStream, n: number): Float64Array {
  return misaligned(Array.from({ length: n }, (_, i) => (i === 1 ? 0 : 3 * stream.uniform())));
}

/** Outer products that a dense Hessian is a sum of: more than n where n is small, so that it is definite. */
const TERMS = 13;

function dense(stream: RandomStream, n: number, count: number): Float64Array {
  const terms = Math.min(n + 1, TERMS);
  const out = new Float64Array(count * n * n);
  for (let m = 0; m < count; m++) {
    const a = spreadNormal(stream, terms * n);
    for (let i = 0; i < n; i++)
      for (let j = i; j < n; j++) {
        let sum = 0;
        for (let r = 0; r < terms; r++) sum += a[r * n + i] * a[r * n + j];
        out[m * n * n + i * n + j] = out[m * n * n + j * n + i] = sum / n;
      }
  }
  return misaligned(out);
}

const lowRank = (stream: RandomStream, n: number, rank: number, count: number): Hessian => ({
  kind: 'lowRank',
  data: spreadNormal(stream, count * rank * n),
  rank,
});
const diagonal = (stream: RandomStream, length: number): Hessian => ({
  kind: 'diagonal',
  data: misaligned(Array.from({ length }, () => stream.uniform())),
});

/** The four storages, each both ways where there are two. */
const STORAGES: readonly ((stream: RandomStream, n: number, rank: number) => Hessian)[] = [
  (stream, n) => ({ kind: 'dense', data: dense(stream, n, n) }),
  (stream, n) => ({ kind: 'shared', data: dense(stream, n, 1) }),
  (stream, n, rank) => lowRank(stream, n, rank, 1),
  (stream, n, rank) => lowRank(stream, n, rank, n),
  (stream, n) => diagonal(stream, n),
  (stream, n) => diagonal(stream, n * n),
];

/** A random positive semidefinite Hessian of storage 0 to 5. */
export function hessianOf(stream: RandomStream, n: number, storage: number, rank = 3): Hessian {
  return STORAGES[storage]!(stream, n, rank);
}

/** One of each storage. */
export function hessians(stream: RandomStream, n: number, rank = 3): Hessian[] {
  return STORAGES.map((make) => make(stream, n, rank));
}

function spreadNormal(stream: RandomStream, count: number): Float64Array {
  return misaligned(Array.from({ length: count }, () => stream.normal()));
}

/** The bits of an array, so that -0, NaN and the last place count. */
export function bits(values: Float64Array): string {
  return Buffer.from(new Float64Array(values).buffer).toString('hex');
}

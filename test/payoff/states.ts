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

/** The four storages, each both ways where there are two, of random positive semidefinite Hessians. */
export function hessians(stream: RandomStream, n: number, rank = 3): Hessian[] {
  const factors = (count: number) => spreadNormal(stream, count * rank * n);
  const square = (count: number) => {
    const out = new Float64Array(count * n * n);
    for (let m = 0; m < count; m++) {
      const a = spreadNormal(stream, (n + 1) * n);
      for (let i = 0; i < n; i++)
        for (let j = i; j < n; j++) {
          let sum = 0;
          for (let r = 0; r <= n; r++) sum += a[r * n + i] * a[r * n + j];
          out[m * n * n + i * n + j] = out[m * n * n + j * n + i] = sum / n;
        }
    }
    return misaligned(out);
  };
  const positive = (count: number) => misaligned(Array.from({ length: count }, () => stream.uniform()));
  return [
    { kind: 'dense', data: square(n) },
    { kind: 'shared', data: square(1) },
    { kind: 'lowRank', data: factors(1), rank },
    { kind: 'lowRank', data: factors(n), rank },
    { kind: 'diagonal', data: positive(n) },
    { kind: 'diagonal', data: positive(n * n) },
  ];
}

function spreadNormal(stream: RandomStream, count: number): Float64Array {
  return misaligned(Array.from({ length: count }, () => stream.normal()));
}

/** The bits of an array, so that -0, NaN and the last place count. */
export function bits(values: Float64Array): string {
  return Buffer.from(new Float64Array(values).buffer).toString('hex');
}

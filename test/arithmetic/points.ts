/** The points at which the elementwise functions are compared, and the hash of their results; native/test/points.hpp builds the same. */
import { philox } from '../../src/core/random.js';

export const POINT_COUNT = 2 ** 20;

/** Where a formula changes, and the ends of the range. */
const EDGES = [
  0,
  5e-324,
  2.2250738585072014e-308,
  1.7976931348623157e308,
  5.551115123125783e-17,
  1.1102230246251565e-16,
  0.34657359027997264,
  Math.LN2,
  1.0397207708399179,
  13.516370020918933,
  38.816242111356935,
  50,
  624.1790360942307,
  708.3964185322641,
  709.782712893384,
  745.1332191019412,
  710,
  746,
  0.25,
  0.2928,
  0.4142,
  0.5,
  Math.SQRT1_2,
  1,
  Math.SQRT2,
  2,
  37,
  9007199254740992,
  Number.POSITIVE_INFINITY,
  Number.NaN,
];

const view = new DataView(new ArrayBuffer(8));

function fromWords(high: number, low: number): number {
  view.setUint32(0, high);
  view.setUint32(4, low);
  return view.getFloat64(0);
}

/** A quarter each: any bits at all; [-750, 750); [-2, 2); within four units of an edge, either sign. */
function point(index: number): number {
  const [w0, w1, w2, w3] = philox([2026, 1], [index, 0, 0, 0]);
  const unit = ((w0 >>> 5) * 67108864 + (w1 >>> 6)) / 2 ** 53;
  switch (w3 % 4) {
    case 0:
      return fromWords(w0, w1);
    case 1:
      return unit * 1500 - 750;
    case 2:
      return unit * 4 - 2;
    default: {
      const edge = EDGES[w0 % EDGES.length];
      view.setFloat64(0, edge);
      view.setBigUint64(0, view.getBigUint64(0) + BigInt((w1 % 9) - (edge === 0 ? 0 : 4)));
      const nudged = view.getFloat64(0);
      return w2 % 2 === 0 ? nudged : -nudged;
    }
  }
}

export function allPoints(): Float64Array {
  const x = new Float64Array(POINT_COUNT);
  for (let i = 0; i < POINT_COUNT; i++) x[i] = point(i);
  return x;
}

/** Of the bits of all values, every NaN counted as 0x7ff8000000000000. */
export function hashOf(values: Float64Array): string {
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  let h = 1;
  for (let i = 0; i < values.length; i++) {
    const isNan = Number.isNaN(values[i]);
    h = Math.imul(((h << 5) | (h >>> 27)) ^ (isNan ? 0 : words[2 * i]), 0x9e3779b1);
    h = Math.imul(((h << 5) | (h >>> 27)) ^ (isNan ? 0x7ff80000 : words[2 * i + 1]), 0x9e3779b1);
  }
  return (h >>> 0).toString(16).padStart(8, '0');
}

/** Index of the first entry whose bits differ, NaN equal to NaN; -1 when there is none. */
export function firstDifference(a: Float64Array, b: Float64Array): number {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return i;
  return a.length === b.length ? -1 : Math.min(a.length, b.length);
}

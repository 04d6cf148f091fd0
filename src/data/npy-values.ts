/** The values of a .npy file: every numeric type and both byte orders, rearranged where the file is column-major. */
import { InputError } from '../core/errors.js';

/** Types that are read: integers with and without sign, floating point and booleans. */
export const NPY_TYPES = ['f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'b1'] as const;

/** One of {@link NPY_TYPES}. */
export type NpyType = (typeof NPY_TYPES)[number];

/** What the values need to be known of. */
export interface NpyLayout {
  readonly shape: readonly number[];
  readonly type: NpyType;
  readonly littleEndian: boolean;
  readonly fortran: boolean;
}

type Read = (view: DataView, at: number, little: boolean) => number | bigint;

const READ: Readonly<Record<NpyType, Read>> = {
  f2: (view, at, little) => halfToNumber(view.getUint16(at, little)),
  f4: (view, at, little) => view.getFloat32(at, little),
  f8: (view, at, little) => view.getFloat64(at, little),
  i1: (view, at) => view.getInt8(at),
  i2: (view, at, little) => view.getInt16(at, little),
  i4: (view, at, little) => view.getInt32(at, little),
  i8: (view, at, little) => view.getBigInt64(at, little),
  u1: (view, at) => view.getUint8(at),
  u2: (view, at, little) => view.getUint16(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  u8: (view, at, little) => view.getBigUint64(at, little),
  b1: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
};

/** Types whose values a Float32Array holds exactly. */
export const FITS_F32: readonly NpyType[] = ['f2', 'f4', 'i1', 'i2', 'u1', 'u2', 'b1'];

/** IEEE binary16: one bit of sign, five of exponent, ten of fraction. */
export function halfToNumber(bits: number): number {
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * Takes the values of a file piece by piece and puts each where it belongs in `out`. Pieces may end inside a value.
 *
 * @param out - As many numbers as the shape has.
 * @returns What to call with each piece in turn.
 * @throws InputError BTM_DOMAIN when an integer is beyond 2^53.
 */
export function npyWriter(argument: string, layout: NpyLayout, out: Float64Array | Float32Array): (piece: Uint8Array) => void {
  const { type, littleEndian } = layout;
  const size = Number(type[1]);
  const read = READ[type];
  const place = layout.fortran ? columnMajor(layout.shape) : null;
  const left = new Uint8Array(size);
  let held = 0;
  let index = 0;
  const put = (view: DataView, at: number): void => {
    const value = read(view, at, littleEndian);
    const where = place === null ? index : place();
    out[where] = typeof value === 'bigint' ? exactNumber(argument, value, where) : value;
    index += 1;
  };
  return (piece) => {
    let at = 0;
    if (held > 0) {
      at = Math.min(size - held, piece.length);
      left.set(piece.subarray(0, at), held);
      held += at;
      if (held < size) return;
      put(new DataView(left.buffer), 0);
      held = 0;
    }
    const whole = piece.length - ((piece.length - at) % size);
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    for (; at < whole; at += size) put(view, at);
    held = piece.length - whole;
    left.set(piece.subarray(whole));
  };
}

function exactNumber(argument: string, value: bigint, index: number): number {
  if (BigInt.asIntN(54, value) !== value) {
    throw new InputError('BTM_DOMAIN', `is ${value}, beyond the integers that f64 holds exactly`, { argument, index, value });
  }
  return Number(value);
}

/** Row-major places of the values of a column-major array, in the order of the file: the first index runs fastest. */
function columnMajor(shape: readonly number[]): () => number {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const at = shape.map(() => 0);
  let place = 0;
  let started = false;
  return () => {
    if (!started) {
      started = true;
      return place;
    }
    for (let axis = 0; axis < shape.length; axis++) {
      at[axis] += 1;
      place += strides[axis];
      if (at[axis] < shape[axis]) return place;
      place -= strides[axis] * shape[axis];
      at[axis] = 0;
    }
    return place;
  };
}

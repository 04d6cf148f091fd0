/** The .npy format of NumPy, in memory: a header naming type, order and shape, then the values (versions 1 to 3). */
import { InputError } from '../core/errors.js';
import { MAGIC, parseNpyHeader, wrongLength } from './npy-header.js';
import { type NpyType, npyWriter } from './npy-values.js';

export type { NpyType } from './npy-values.js';

/** An array as a .npy file holds it, row-major whatever the order of the file. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** Type in NumPy's letters without byte order, for instance `f4`. */
  readonly type: NpyType;
  /** Row-major; f64 holds every value of every type exactly, or the file is refused. */
  readonly data: Float64Array;
}

/**
 * Reads the bytes of one .npy file.
 *
 * @param argument - Name to use in errors, for instance the path.
 * @param file - The whole file.
 * @returns The shape and a copy of the values, row-major, as f64.
 * @throws InputError BTM_TYPE if it is no such file or holds another type, BTM_DOMAIN if an integer is beyond 2^53,
 *   BTM_SHAPE if its length does not match its shape.
 */
export function parseNpy(argument: string, file: Uint8Array): NpyArray {
  const header = parseNpyHeader(argument, file);
  const values = file.subarray(header.offset);
  if (values.length !== header.bytes) throw wrongLength(argument, header, values.length);
  const data = new Float64Array(header.count);
  npyWriter(argument, header, data)(values);
  return { shape: header.shape, type: header.type, data };
}

/**
 * Writes an array of f64 as a .npy file, version 1.
 *
 * @param shape - Sizes; their product is the length of `data`.
 * @throws InputError BTM_SHAPE when it is not.
 */
export function encodeNpy(shape: readonly number[], data: Float64Array): Uint8Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== data.length) {
    throw new InputError('BTM_SHAPE', `must hold ${count} values for shape (${shape.join(', ')}), got ${data.length}`, {
      argument: 'data',
    });
  }
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '<f8', 'fortran_order': False, 'shape': (${sizes}), }`;
  const prefix = MAGIC.length + 4;
  const header = `${text.padEnd(Math.ceil((prefix + text.length + 1) / 64) * 64 - prefix - 1)}\n`;
  const file = new Uint8Array(prefix + header.length + 8 * count);
  const view = new DataView(file.buffer);
  file.set(Buffer.from(MAGIC, 'latin1'));
  view.setUint8(6, 1);
  view.setUint16(8, header.length, true);
  file.set(Buffer.from(header, 'latin1'), prefix);
  for (let index = 0; index < count; index++) view.setFloat64(prefix + header.length + 8 * index, data[index]!, true);
  return file;
}

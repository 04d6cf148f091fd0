/** The .npy format of NumPy: a magic string, a header naming type, order and shape, then the values (versions 1 to 3). */
import { InputError } from '../core/errors.js';

/** An array as a .npy file holds it; 4- and 8-byte numbers all become f64, which holds them exactly. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** Type in NumPy's letters without byte order, for instance `f4`. */
  readonly type: NpyType;
  /** Row-major. */
  readonly data: Float64Array;
}

/** Types that are read: floating point and signed integers of 4 and 8 bytes. */
export type NpyType = 'f4' | 'f8' | 'i4' | 'i8';

const MAGIC = '\x93NUMPY';
const TYPES: readonly NpyType[] = ['f4', 'f8', 'i4', 'i8'];

/**
 * Reads the bytes of one .npy file.
 *
 * @param argument - Name to use in errors, for instance the path.
 * @param file - The whole file.
 * @returns The shape and a copy of the values, row-major, as f64.
 * @throws InputError BTM_TYPE if it is no such file or holds another type, BTM_DOMAIN if it is column-major or an integer is beyond 2^53,
 *   BTM_SHAPE if its length does not match its shape.
 */
export function parseNpy(argument: string, file: Uint8Array): NpyArray {
  const { header, offset } = readHeader(argument, file);
  const descr = field(argument, header, 'descr', /'([^']*)'/);
  const order = field(argument, header, 'fortran_order', /(True|False)/);
  const shape = parseShape(argument, field(argument, header, 'shape', /\(([^)]*)\)/));
  const type = TYPES.find((known) => descr.slice(1) === known);
  if (type === undefined || !'<>'.includes(descr[0]!)) {
    throw new InputError('BTM_TYPE', `holds values of type '${descr}'`, {
      argument,
      value: descr,
      remedy: `Save it as ${TYPES.join(', ')}, for instance array.astype('f8').`,
    });
  }
  const count = shape.reduce((product, size) => product * size, 1);
  if (order === 'True' && shape.filter((size) => size > 1).length > 1) {
    throw new InputError('BTM_DOMAIN', 'is column-major', { argument, remedy: 'Save numpy.ascontiguousarray(array).' });
  }
  const bytes = count * Number(type[1]);
  if (file.byteLength - offset !== bytes) {
    throw new InputError(
      'BTM_SHAPE',
      `has shape (${shape.join(', ')}), which takes ${bytes} bytes, but holds ${file.byteLength - offset}`,
      {
        argument,
        remedy: 'The file is cut short, or not one array.',
      },
    );
  }
  return { shape, type, data: readValues(argument, file, offset, count, type, descr[0] === '<') };
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

/** The text of the header, and where the values begin. */
function readHeader(argument: string, file: Uint8Array): { header: string; offset: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = Buffer.from(file.subarray(0, MAGIC.length)).toString('latin1');
  if (file.byteLength < 12 || magic !== MAGIC) {
    throw new InputError('BTM_TYPE', 'is not a .npy file: it does not begin with \\x93NUMPY', {
      argument,
      remedy: 'Save one array with numpy.save; an .npz archive has to be unpacked first.',
    });
  }
  const major = view.getUint8(6);
  if (major < 1 || major > 3)
    throw new InputError('BTM_TYPE', `is .npy version ${major}; versions 1 to 3 are read`, { argument, value: major });
  const start = major === 1 ? 10 : 12;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > file.byteLength) throw new InputError('BTM_SHAPE', 'ends inside its header', { argument });
  return { header: Buffer.from(file.subarray(start, start + length)).toString(major === 3 ? 'utf8' : 'latin1'), offset: start + length };
}

/** One entry of the header, which is a Python dictionary written out. */
function field(argument: string, header: string, name: string, value: RegExp): string {
  const found = new RegExp(`['"]${name}['"]\\s*:\\s*${value.source}`).exec(header);
  if (found === null) {
    throw new InputError('BTM_TYPE', `has no readable '${name}' in its header`, {
      argument,
      value: header.trim(),
      remedy: 'Records are not read.',
    });
  }
  return found[1]!;
}

function parseShape(argument: string, text: string): number[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return parts.map((part) => {
    const size = Number(part.replace(/L$/, ''));
    if (!/^\d+L?$/.test(part) || !Number.isSafeInteger(size))
      throw new InputError('BTM_SHAPE', `has a shape of (${text})`, { argument, value: text });
    return size;
  });
}

function readValues(argument: string, file: Uint8Array, offset: number, count: number, type: NpyType, little: boolean): Float64Array {
  const view = new DataView(file.buffer, file.byteOffset + offset);
  const data = new Float64Array(count);
  for (let index = 0; index < count; index++) data[index] = readValue(argument, view, index, type, little);
  return data;
}

function readValue(argument: string, view: DataView, index: number, type: NpyType, little: boolean): number {
  if (type === 'f8') return view.getFloat64(8 * index, little);
  if (type === 'f4') return view.getFloat32(4 * index, little);
  if (type === 'i4') return view.getInt32(4 * index, little);
  const value = view.getBigInt64(8 * index, little);
  if (BigInt.asIntN(54, value) !== value) {
    throw new InputError('BTM_DOMAIN', `is ${value}, beyond the integers that f64 holds exactly`, { argument, index, value });
  }
  return Number(value);
}

/** The header of a .npy file: a magic string, a version, then a Python dictionary naming type, order and shape. */
import { InputError } from '../core/errors.js';
import { NPY_TYPES, type NpyType } from './npy-values.js';

/** What a header says. */
export interface NpyHeader {
  readonly shape: readonly number[];
  readonly type: NpyType;
  readonly littleEndian: boolean;
  /** Column-major; false where it makes no difference. */
  readonly fortran: boolean;
  /** Values, and the bytes they take. */
  readonly count: number;
  readonly bytes: number;
  /** Where they begin. */
  readonly offset: number;
}

export const MAGIC = '\x93NUMPY';

/** The longest header of versions 1 to 3 that NumPy writes for plain numbers. */
export const LONGEST_HEADER = 65536 + 12;

/**
 * Reads the header at the start of a file; more bytes may follow, or be missing yet.
 *
 * @throws InputError BTM_TYPE if it is no such file or holds another type, BTM_SHAPE if the header ends early or names no shape.
 */
export function parseNpyHeader(argument: string, start: Uint8Array): NpyHeader {
  const { header, offset } = readHeader(argument, start);
  const descr = field(argument, header, 'descr', /'([^']*)'/);
  const order = field(argument, header, 'fortran_order', /(True|False)/);
  const shape = parseShape(argument, field(argument, header, 'shape', /\(([^)]*)\)/));
  const type = NPY_TYPES.find((known) => descr.slice(1) === known);
  if (type === undefined || !'<>|='.includes(descr[0])) {
    throw new InputError('BTM_TYPE', `holds values of type '${descr}'`, {
      argument,
      value: descr,
      remedy: `Save it as one of ${NPY_TYPES.join(', ')}, for instance array.astype('f8').`,
    });
  }
  const count = shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(8 * count)) {
    throw new InputError('BTM_SHAPE', `has a shape of (${shape.join(', ')}), more than can be held`, { argument, value: count });
  }
  const fortran = order === 'True' && shape.filter((size) => size > 1).length > 1;
  return { shape, type, littleEndian: descr[0] !== '>', fortran, count, bytes: count * Number(type[1]), offset };
}

/** The complaint about a file whose length does not match its shape. */
export function wrongLength(argument: string, { shape, bytes }: NpyHeader, found: number | string): InputError {
  return new InputError('BTM_SHAPE', `has shape (${shape.join(', ')}), which takes ${bytes} bytes, but holds ${found}`, {
    argument,
    remedy: 'The file is cut short, or not one array.',
  });
}

/** The text of the header, and where the values begin. */
function readHeader(argument: string, file: Uint8Array): { header: string; offset: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = Buffer.from(file.subarray(0, MAGIC.length)).toString('latin1');
  if (file.byteLength < 12 || magic !== MAGIC) {
    throw new InputError('BTM_TYPE', 'is not a .npy file: it does not begin with \\x93NUMPY', {
      argument,
      remedy: 'Save one array with numpy.save; archives of numpy.savez end in .npz.',
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

/** The IDX format of the MNIST family: a magic number, big-endian sizes, then the values. */
import { gunzipSync } from 'node:zlib';
import { InputError } from '../core/errors.js';

/** An array of unsigned bytes with its sizes, as an IDX file holds it. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const MAX_DIMENSIONS = 4;

/**
 * Reads the bytes of one IDX file of unsigned bytes, plain or gzipped.
 *
 * @param argument name to use in errors, for instance the path
 * @returns the sizes and a copy of the values, row-major
 * @throws InputError BTM_TYPE if it is no IDX file of unsigned bytes, BTM_SHAPE if its length does not match its sizes
 */
export function parseIdx(argument: string, file: Uint8Array): IdxArray {
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? new Uint8Array(gunzip(argument, file)) : file;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    throw new InputError('BTM_TYPE', 'is not an IDX file: it must begin with two zero bytes', {
      argument,
      remedy: 'Pass the MNIST files as they are distributed, for instance train-images-idx3-ubyte.',
    });
  }
  if (bytes[2] !== UNSIGNED_BYTE) {
    throw new InputError('BTM_TYPE', `holds IDX type 0x${bytes[2].toString(16)}, only unsigned bytes (0x8) are read`, {
      argument,
      value: bytes[2],
    });
  }
  const dimensions = bytes[3];
  const header = 4 + 4 * dimensions;
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS || bytes.length < header) {
    throw new InputError('BTM_SHAPE', `has a header for ${dimensions} dimensions that cannot be right`, { argument, value: dimensions });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (bytes.length !== header + size) {
    throw new InputError('BTM_SHAPE', `must hold ${size} values for shape [${shape.join(', ')}], got ${bytes.length - header}`, {
      argument,
      value: bytes.length - header,
      remedy: 'The file may be cut short; fetch it again.',
    });
  }
  return { shape, data: bytes.slice(header) };
}

function gunzip(argument: string, file: Uint8Array): Buffer {
  try {
    return gunzipSync(file);
  } catch (error) {
    throw new InputError('BTM_TYPE', `looks gzipped but cannot be unpacked (${(error as Error).message})`, { argument });
  }
}

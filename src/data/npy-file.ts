/** .npy files of any size, read in pieces: the file is never in memory beside its values. */
import { InputError } from '../core/errors.js';
import { readPieces } from './bytes.js';
import { LONGEST_HEADER, type NpyHeader, parseNpyHeader, wrongLength } from './npy-header.js';
import { FITS_F32, type NpyType, npyWriter } from './npy-values.js';

/** An array from a file; f32 where that holds every value of the file's type exactly. */
export interface NpyFile {
  readonly shape: readonly number[];
  readonly type: NpyType;
  /** Row-major, whatever the order of the file. */
  readonly data: Float64Array | Float32Array;
}

/**
 * Reads a .npy file of any numeric type, order and size; '-' reads standard input.
 *
 * @param path - The file.
 * @returns Shape, type and values.
 * @throws EnvironmentError BTM_IO when it cannot be read; InputError BTM_TYPE, BTM_SHAPE or BTM_DOMAIN, naming the file, when it is not one array
 *   of numbers.
 * @cost The file is read once; memory for the values alone.
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { encodeNpy, readNpy } from 'intermodel/data';
 * await writeFile('two.npy', encodeNpy([2, 1], Float64Array.of(0.5, 0.25)));
 * console.log((await readNpy('two.npy')).shape); // [2, 1]
 * ```
 */
export async function readNpy(path: string): Promise<NpyFile> {
  let start: Uint8Array = new Uint8Array(0);
  let header: NpyHeader | undefined;
  let take: ((piece: Uint8Array) => void) | undefined;
  let data: Float64Array | Float32Array = new Float64Array(0);
  let found = 0;
  for await (const piece of readPieces(path)) {
    let values = piece;
    if (header === undefined) {
      start = Buffer.concat([start, piece]);
      if (start.length < LONGEST_HEADER && !holdsHeader(start)) continue;
      header = parseNpyHeader(path, start);
      data = allocate(path, header);
      take = npyWriter(path, header, data);
      values = start.subarray(header.offset);
    }
    found += values.length;
    if (found > header.bytes) throw wrongLength(path, header, 'more');
    take?.(values);
  }
  header ??= parseNpyHeader(path, start);
  if (found !== header.bytes) throw wrongLength(path, header, found);
  return { shape: header.shape, type: header.type, data };
}

/** Whether the whole header is there, as far as its first bytes tell. */
function holdsHeader(start: Uint8Array): boolean {
  if (start.length < 12) return false;
  const view = new DataView(start.buffer, start.byteOffset);
  const length = start[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  return start.length >= length;
}

function allocate(path: string, { count, type, shape }: NpyHeader): Float64Array | Float32Array {
  try {
    return FITS_F32.includes(type) ? new Float32Array(count) : new Float64Array(count);
  } catch {
    throw new InputError('BTM_SHAPE', `has shape (${shape.join(', ')}), more than fits in memory here`, { argument: path, value: count });
  }
}

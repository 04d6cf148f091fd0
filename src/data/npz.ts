/** .npz archives of NumPy: a ZIP file with one .npy file an array, stored or deflated. */
import { inflateRawSync } from 'node:zlib';
import { InputError } from '../core/errors.js';
import { readWhole } from './bytes.js';
import type { NpyFile } from './npy-file.js';
import { parseNpyHeader, wrongLength } from './npy-header.js';
import { FITS_F32, npyWriter } from './npy-values.js';

/** One array of an archive. */
export interface NpzArray extends NpyFile {
  readonly name: string;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
/** Sizes of the records without their names and extra fields. */
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
/** What stands for a size that only a ZIP64 record holds. */
const BEYOND_32_BITS = 0xffffffff;

/**
 * Reads every array of a .npz archive, in the order of its directory; '-' reads standard input.
 *
 * @throws EnvironmentError BTM_IO when it cannot be read; InputError BTM_TYPE or BTM_SHAPE, naming the file and the array, when it is no such
 *   archive.
 */
export async function readNpz(path: string): Promise<NpzArray[]> {
  const bytes = await readWhole(path);
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return directoryOf(path, file).map((entry) => {
    const values = contentsOf(path, file, entry);
    const argument = `${path}: ${entry.name}`;
    const header = parseNpyHeader(argument, values);
    const left = values.subarray(header.offset);
    if (left.length !== header.bytes) throw wrongLength(argument, header, left.length);
    const data = FITS_F32.includes(header.type) ? new Float32Array(header.count) : new Float64Array(header.count);
    npyWriter(argument, header, data)(left);
    return { name: entry.name.replace(/\.npy$/, ''), shape: header.shape, type: header.type, data };
  });
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  /** Where the entry's own header begins. */
  readonly at: number;
}

/** The entries of the directory at the end of the file. */
function directoryOf(path: string, file: DataView): Entry[] {
  let end = file.byteLength - END_BYTES;
  while (end >= 0 && file.getUint32(end, true) !== END) end -= 1; // a comment may follow the record
  if (end < 0) throw notAnArchive(path, 'it has no directory');
  const count = file.getUint16(end + 10, true);
  let at = file.getUint32(end + 16, true);
  return Array.from({ length: count }, () => {
    if (at + ENTRY_BYTES > file.byteLength || file.getUint32(at, true) !== ENTRY) throw notAnArchive(path, 'its directory is cut short');
    const nameLength = file.getUint16(at + 28, true);
    const entry = {
      name: textOf(file, at + ENTRY_BYTES, nameLength),
      method: file.getUint16(at + 10, true),
      packed: file.getUint32(at + 20, true),
      size: file.getUint32(at + 24, true),
      at: file.getUint32(at + 42, true),
    };
    if ([entry.packed, entry.size, entry.at].includes(BEYOND_32_BITS)) {
      throw new InputError('BTM_SHAPE', `holds '${entry.name}', which takes more than 4 GiB`, {
        argument: path,
        remedy: 'Save it as a .npy file, which is read in pieces.',
      });
    }
    at += ENTRY_BYTES + nameLength + file.getUint16(at + 30, true) + file.getUint16(at + 32, true);
    return entry;
  });
}

/** The bytes of one entry. */
function contentsOf(path: string, file: DataView, { name, method, packed, size, at }: Entry): Uint8Array {
  if (at + LOCAL_BYTES > file.byteLength || file.getUint32(at, true) !== LOCAL)
    throw notAnArchive(path, `'${name}' is not where it should be`);
  const from = at + LOCAL_BYTES + file.getUint16(at + 26, true) + file.getUint16(at + 28, true);
  if (from + packed > file.byteLength) throw notAnArchive(path, `'${name}' is cut short`);
  const bytes = new Uint8Array(file.buffer, file.byteOffset + from, packed);
  if (method === STORED) return bytes;
  if (method !== DEFLATED) throw notAnArchive(path, `'${name}' is packed by method ${method}`);
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw notAnArchive(path, `'${name}' cannot be unpacked: ${(error as Error).message}`);
  }
}

function textOf(file: DataView, from: number, length: number): string {
  if (from + length > file.byteLength) return '';
  return new TextDecoder().decode(new Uint8Array(file.buffer, file.byteOffset + from, length));
}

function notAnArchive(path: string, why: string): InputError {
  return new InputError('BTM_TYPE', `is not an archive of numpy.savez: ${why}`, { argument: path });
}

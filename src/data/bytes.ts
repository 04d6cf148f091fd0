/** Files and standard input as pieces of bytes, with one kind of error. */
import { createReadStream } from 'node:fs';
import { EnvironmentError } from '../core/errors.js';

/** The path that means standard input. */
export const STDIN = '-';

const PIECE = 4 * 1024 * 1024;

/**
 * The bytes of a file, or of standard input for '-', in pieces of a few megabytes.
 *
 * @throws EnvironmentError BTM_IO when it cannot be read.
 */
export async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  try {
    const stream: AsyncIterable<Uint8Array> = path === STDIN ? process.stdin : createReadStream(path, { highWaterMark: PIECE });
    for await (const piece of stream) yield piece;
  } catch (error) {
    throw new EnvironmentError('BTM_IO', `cannot read ${path}`, [{ what: path, reason: (error as Error).message }], ['check the path']);
  }
}

/** All of it at once, for files that are parsed whole. */
export async function readWhole(path: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readPieces(path)) pieces.push(piece);
  return Buffer.concat(pieces);
}

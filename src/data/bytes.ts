/** Files and standard input as pieces of bytes, with one kind of error. */
import { createReadStream } from 'node:fs';
import { EnvironmentError } from '../core/errors.js';

/** The path that means standard input. */
export const STDIN = '-';

const PIECE = 4 * 1024 * 1024;

/** What was read of standard input to see what it holds. */
let peeked: Promise<IteratorResult<Uint8Array>> | undefined;
let standardInput: AsyncIterator<Uint8Array> | undefined;

function inputIterator(): AsyncIterator<Uint8Array> {
  standardInput ??= (process.stdin as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  return standardInput;
}

/** The first bytes of standard input, which {@link readPieces} gives again. */
export async function startOfInput(): Promise<Uint8Array> {
  peeked ??= inputIterator().next();
  const first = await peeked;
  return first.done === true ? new Uint8Array(0) : first.value;
}

async function* inputPieces(): AsyncGenerator<Uint8Array> {
  const iterator = inputIterator();
  for (let next = await (peeked ?? iterator.next()); next.done !== true; next = await iterator.next()) {
    peeked = undefined;
    yield next.value;
  }
}

/**
 * The bytes of a file, or of standard input for '-', in pieces of a few megabytes.
 *
 * @throws EnvironmentError BTM_IO when it cannot be read.
 */
export async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  try {
    const stream: AsyncIterable<Uint8Array> = path === STDIN ? inputPieces() : createReadStream(path, { highWaterMark: PIECE });
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

/** Frames over a libp2p stream: read within limits, written with backpressure. */
import type { Stream } from '@libp2p/interface';
import { decodeHeader, HEADER_BYTES, type Header } from '../frame.js';
import { TransportError } from '../types.js';

/** Written at a time; between two the writer waits until the stream has room. */
const CHUNK_BYTES = 64 * 1024;

/** Bytes that half-arrived frames hold in this process; bounded, so that slow senders cannot fill the memory. */
export class ReceiveBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** Writes a frame; pauses when the stream is full. */
export async function writeFrame(stream: Stream, frame: Uint8Array, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < frame.length; at += CHUNK_BYTES) {
    if (!stream.send(frame.subarray(at, at + CHUNK_BYTES))) await stream.onDrain({ signal });
  }
}

/** A frame and its header. */
export interface Received {
  readonly header: Header;
  readonly frame: Uint8Array;
}

/**
 * Reads one frame.
 *
 * @param stream where it comes from.
 * @param limit largest frame in bytes; a larger one is refused as soon as its header is known.
 * @param budget shared by all frames that are under way.
 * @param screen called with the header before the body is awaited; throws to refuse.
 * @throws TransportError `oversize`, `malformed`, `busy` or `unreachable` (the stream ended early).
 */
export function readFrame(stream: Stream, limit: number, budget: ReceiveBudget, screen: (header: Header) => void): Promise<Received> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let header: Header | null = null;
    const stop = () => {
      stream.removeEventListener('message', onMessage);
      stream.removeEventListener('end', onEnd);
      stream.removeEventListener('close', onEnd);
      budget.give(length);
    };
    const fail = (error: unknown) => {
      stop();
      chunks.length = 0;
      reject(error);
    };
    const onEnd = () => fail(new TransportError('unreachable', `the stream ended after ${length} bytes`));
    const onMessage = (event: { data: Uint8Array | { subarray(): Uint8Array } }) => {
      const chunk = event.data.subarray();
      if (!budget.take(chunk.length)) return fail(new TransportError('busy', 'too many frames are under way'));
      length += chunk.length;
      chunks.push(chunk);
      try {
        if (header === null && length >= HEADER_BYTES) {
          header = decodeHeader(Buffer.concat(chunks));
          const total = HEADER_BYTES + header.bodyBytes;
          if (total > limit) throw new TransportError('oversize', `a frame of ${total} bytes, above the limit of ${limit}`);
          screen(header);
        }
        if (header === null || length < HEADER_BYTES + header.bodyBytes) return;
        if (length > HEADER_BYTES + header.bodyBytes) throw new TransportError('malformed', 'bytes after the frame');
      } catch (error) {
        return fail(error);
      }
      const frame = new Uint8Array(Buffer.concat(chunks));
      stop();
      resolve({ header, frame });
    };
    stream.addEventListener('message', onMessage);
    stream.addEventListener('end', onEnd);
    stream.addEventListener('close', onEnd);
  });
}

/** Frames over a libp2p stream: read within limits and a deadline, written with backpressure. */
import type { Stream } from '@libp2p/interface';
import { decodeHeader, HEADER_BYTES, type Header } from '../frame.js';
import { TransportError } from '../types.js';

/** Written at a time; between two the writer waits until the stream has room. */
const CHUNK_BYTES = 64 * 1024;

/** Bytes that half-arrived frames hold in this process; bounded, so that slow senders cannot fill the memory. */
export class ReceiveBudget {
  readonly #limit: number;
  readonly #whole: ReceiveBudget | null;
  #used = 0;

  /** @param whole the budget that this one is a share of. */
  constructor(limit: number, whole: ReceiveBudget | null = null) {
    this.#limit = limit;
    this.#whole = whole;
  }

  /** Bytes held now. */
  get used(): number {
    return this.#used;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit || this.#whole?.take(bytes) === false) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.#whole?.give(bytes);
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

/** How a frame is read. */
export interface ReadOptions {
  /** Largest frame in bytes; a larger one is refused as soon as its header is known. */
  readonly limit: number;
  /** Shared by all frames that are under way. */
  readonly budget: ReceiveBudget;
  /** Called with the header before the body is awaited; throws to refuse. */
  readonly screen?: (header: Header) => void;
  /** Arms a timer that calls back when the frame has taken too long, and returns what disarms it. Left out: the reader's caller has one. */
  readonly deadline?: (late: () => void) => () => void;
}

/**
 * Reads one frame.
 *
 * @throws TransportError `oversize`, `malformed`, `busy`, `timeout` (it did not arrive whole in time) or `unreachable` (the stream ended early).
 */
export function readFrame(stream: Stream, { limit, budget, screen, deadline }: ReadOptions): Promise<Received> {
  return new Promise((resolve, reject) => {
    const head = new Uint8Array(HEADER_BYTES);
    let chunks: Uint8Array[] = [];
    let length = 0;
    let held = 0;
    let header: Header | null = null;
    let disarm = () => {};
    const stop = () => {
      disarm();
      stream.removeEventListener('message', onMessage);
      stream.removeEventListener('end', onEnd);
      stream.removeEventListener('close', onEnd);
      budget.give(held);
      chunks = [];
    };
    const fail = (error: unknown) => {
      stop();
      reject(error);
    };
    const onEnd = () => fail(new TransportError('unreachable', `the stream ended after ${length} bytes`));
    const onMessage = (event: { data: Uint8Array | { subarray(): Uint8Array } }) => {
      const chunk = event.data.subarray();
      if (length < HEADER_BYTES) head.set(chunk.subarray(0, HEADER_BYTES - length), length);
      length += chunk.length;
      chunks.push(chunk);
      try {
        if (header === null && length >= HEADER_BYTES) {
          header = decodeHeader(head);
          const total = HEADER_BYTES + header.bodyBytes;
          if (total > limit) throw new TransportError('oversize', `a frame of ${total} bytes, above the limit of ${limit}`);
          screen?.(header);
        }
        // The header comes first, so that a refusal names the request it is for. Until it is there, less than a header is held.
        if (header !== null && !budget.take(length - held)) throw new TransportError('busy', 'too many frames are under way');
        if (header !== null) held = length;
        if (header === null || length < HEADER_BYTES + header.bodyBytes) return;
        if (length > HEADER_BYTES + header.bodyBytes) throw new TransportError('malformed', 'bytes after the frame');
      } catch (error) {
        return fail(error);
      }
      const frame = new Uint8Array(Buffer.concat(chunks));
      stop();
      resolve({ header, frame });
    };
    disarm =
      deadline?.(() => fail(new TransportError('timeout', `the frame did not arrive whole in time: ${length} bytes came`))) ?? disarm;
    stream.addEventListener('message', onMessage);
    stream.addEventListener('end', onEnd);
    stream.addEventListener('close', onEnd);
  });
}

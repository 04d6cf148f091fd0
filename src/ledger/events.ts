/** The ledger's feed: blocks and refusals as they happen, as an async iterator or as lines of JSON. */
import { EnvironmentError } from '../core/errors.js';
import type { Code } from './codes.js';

export interface BlockEvent {
  readonly type: 'block';
  readonly height: number;
  readonly hash: string;
  readonly transactions: number;
  readonly minted: bigint;
  readonly supply: bigint;
  readonly stateRoot: string;
}

export interface RejectedEvent {
  readonly type: 'rejected';
  readonly height: number;
  readonly code: Code;
  /** SHA-256 of the transaction; empty when it was malformed. */
  readonly hash: string;
}

export type LedgerEvent = BlockEvent | RejectedEvent;

/** One event as one line of JSON without its line break; amounts as decimal strings, since they pass 2^53. */
export function toJsonLine(event: LedgerEvent): string {
  return JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
}

type Subscribe = (listener: (event: LedgerEvent) => void) => () => void;

/** Events that were not taken yet are kept up to this many; a reader that falls further behind gets an error instead of gaps. */
const BACKLOG_MAX = 65_536;

/** Turns callbacks into an iterator. It ends with the signal, or when its reader leaves the loop. */
export function eventStream(subscribe: Subscribe, signal?: AbortSignal): AsyncIterableIterator<LedgerEvent> {
  const waiting: ((result: IteratorResult<LedgerEvent>) => void)[] = [];
  const ready: LedgerEvent[] = [];
  let ended = signal?.aborted ?? false;
  let overrun = false;
  const stop = subscribe((event) => {
    const reader = waiting.shift();
    if (reader !== undefined) reader({ done: false, value: event });
    else if (ready.length < BACKLOG_MAX) ready.push(event);
    else overrun = true;
  });
  const end = (): void => {
    ended = true;
    stop();
    for (const reader of waiting.splice(0)) reader({ done: true, value: undefined });
  };
  if (ended) stop();
  signal?.addEventListener('abort', end, { once: true });
  return {
    async next() {
      const event = ready.shift();
      if (event !== undefined) return { done: false, value: event };
      if (overrun) throw new EnvironmentError('BTM_IO', `this reader of events fell more than ${BACKLOG_MAX} behind`);
      if (ended) return { done: true, value: undefined };
      return new Promise((resolve) => waiting.push(resolve));
    },
    async return() {
      end();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

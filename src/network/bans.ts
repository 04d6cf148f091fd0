/** Peers that fail are left alone for a while, twice as long each time; never all of them. */
import type { Clock } from './clock.js';
import type { PeerKey } from './types.js';

/** When a ban starts and how it grows. */
export interface BanOptions {
  /** Failures in a row before the first ban. */
  readonly threshold: number;
  /** Length of the first ban. */
  readonly base_ms: number;
  /** Longest ban. */
  readonly ceiling_ms: number;
}

/** Three failures in a row, 1 s at first, 5 min at most. */
export const DEFAULT_BANS: BanOptions = { threshold: 3, base_ms: 1_000, ceiling_ms: 300_000 };

interface Record {
  failures: number;
  bans: number;
  until_ms: number;
}

/** Temporary bans with exponential backoff. A success clears a peer's record, and so does the caller's word. */
export class BanList {
  readonly #options: BanOptions;
  readonly #clock: Clock;
  readonly #records = new Map<PeerKey, Record>();

  constructor(options: BanOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Remembers that the peer exists, so that "all are banned" counts all. */
  meet(peer: PeerKey): void {
    if (!this.#records.has(peer)) this.#records.set(peer, { failures: 0, bans: 0, until_ms: 0 });
  }

  /** Milliseconds left of a ban; 0 when there is none. */
  remaining_ms(peer: PeerKey): number {
    return Math.max(0, (this.#records.get(peer)?.until_ms ?? 0) - this.#clock.now());
  }

  /** True when every peer met so far is banned: the fault may then be this process's own connection. */
  allBanned(): boolean {
    for (const record of this.#records.values()) if (record.until_ms <= this.#clock.now()) return false;
    return true;
  }

  succeeded(peer: PeerKey): void {
    this.meet(peer);
    this.lift(peer);
  }

  /** Ends a ban and forgets the failures before it: the next ban is a first one again. A peer that was never met stays so. */
  lift(peer: PeerKey): void {
    const record = this.#records.get(peer);
    if (record !== undefined) Object.assign(record, { failures: 0, bans: 0, until_ms: 0 });
  }

  /** Counts a failure; `grave` ones (an answer that no honest peer gives) ban at once. */
  failed(peer: PeerKey, grave: boolean): void {
    this.meet(peer);
    const record = this.#records.get(peer) as Record;
    record.failures++;
    if (!grave && record.failures < this.#options.threshold) return;
    const length_ms = Math.min(this.#options.ceiling_ms, this.#options.base_ms * 2 ** Math.min(record.bans, 40));
    record.until_ms = this.#clock.now() + length_ms;
    record.bans++;
    record.failures = 0;
  }
}

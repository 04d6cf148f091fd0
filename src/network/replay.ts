/** Every request is served at most once, whoever sends it again and whenever. */
import type { Clock } from './clock.js';
import type { PeerKey } from './types.js';

/** Decides whether a nonce is new. Injected, so that a test can break it on purpose. */
export interface ReplayGuard {
  /** True the first time, false ever after. */
  accept(from: PeerKey, nonce: number): boolean;
}

/** Gives out microseconds since the epoch, strictly increasing even when the clock stands still. */
export class NonceSource {
  readonly #clock: Clock;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#clock.now() * 1000));
    return this.#last;
  }
}

interface Seen {
  readonly nonces: Set<number>;
  floor: number;
}

/**
 * Bounded memory of nonces: per sender the most recent ones, and a floor below which everything is refused.
 * Nonces are times, so a peer that restarts with an empty memory still refuses everything older than its start.
 */
export class NonceWindow implements ReplayGuard {
  readonly #clock: Clock;
  readonly #freshness_us: number;
  readonly #perSender: number;
  readonly #senders: number;
  readonly #seen = new Map<PeerKey, Seen>();
  #floor: number;

  /**
   * @param clock the process's clock.
   * @param freshness_ms how far a sender's clock may be from this one.
   * @param perSender nonces remembered per sender.
   * @param senders senders remembered; forgetting one raises the floor for all, so it cannot be replayed.
   */
  constructor(clock: Clock, freshness_ms = 120_000, perSender = 4096, senders = 1024) {
    this.#clock = clock;
    this.#freshness_us = freshness_ms * 1000;
    this.#perSender = perSender;
    this.#senders = senders;
    this.#floor = Math.floor(clock.now() * 1000);
  }

  accept(from: PeerKey, nonce: number): boolean {
    const now_us = this.#clock.now() * 1000;
    if (!Number.isSafeInteger(nonce) || Math.abs(nonce - now_us) > this.#freshness_us) return false;
    const seen = this.#remember(from);
    if (nonce < seen.floor || seen.nonces.has(nonce)) return false;
    seen.nonces.add(nonce);
    if (seen.nonces.size > this.#perSender) forgetOlderHalf(seen);
    return true;
  }

  #remember(from: PeerKey): Seen {
    const known = this.#seen.get(from);
    if (known !== undefined) {
      this.#seen.delete(from); // re-inserted below: a Map keeps insertion order, so the first key is the least recent
      this.#seen.set(from, known);
      return known;
    }
    if (this.#seen.size >= this.#senders) this.#forgetLeastRecent();
    const fresh = { nonces: new Set<number>(), floor: this.#floor };
    this.#seen.set(from, fresh);
    return fresh;
  }

  #forgetLeastRecent(): void {
    const [key, oldest] = this.#seen.entries().next().value as [PeerKey, Seen];
    for (const nonce of oldest.nonces) this.#floor = Math.max(this.#floor, nonce + 1);
    this.#floor = Math.max(this.#floor, oldest.floor);
    this.#seen.delete(key);
  }
}

function forgetOlderHalf(seen: Seen): void {
  const sorted = [...seen.nonces].sort((a, b) => a - b);
  const cut = sorted[sorted.length >> 1];
  for (const nonce of sorted) if (nonce < cut) seen.nonces.delete(nonce);
  seen.floor = cut;
}

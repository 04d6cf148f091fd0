/** Every request of a member is served at most once, whoever sends it again and whenever. */
import type { Clock } from './clock.js';
import type { PeerKey } from './types.js';

/** Decides whether a nonce is new. Injected, so that a test can break it on purpose. */
export interface ReplayGuard {
  /** True the first time, false ever after. Asked for holders of stake only. */
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
  /** Everything below is refused. */
  floor: number;
  /** The latest nonce: once it is too old, all of this sender's are, and nothing needs to be remembered. */
  latest: number;
}

/**
 * Bounded memory of nonces, for each sender apart: what one sends moves no limit of another. Nonces are times, so what is older than
 * the window is refused without being remembered, and a peer that restarts with an empty memory refuses what is older than its start.
 */
export class NonceWindow implements ReplayGuard {
  readonly #clock: Clock;
  readonly #freshness_us: number;
  readonly #perSender: number;
  readonly #senders: number;
  readonly #seen = new Map<PeerKey, Seen>();
  readonly #start: number;

  /**
   * @param clock the process's clock.
   * @param freshness_ms how far a sender's clock may be from this one.
   * @param perSender nonces remembered per sender; beyond, its older half is refused unseen.
   * @param senders senders remembered; while so many were heard within the window, a further one is refused.
   */
  constructor(clock: Clock, freshness_ms = 120_000, perSender = 4096, senders = 65_536) {
    this.#clock = clock;
    this.#freshness_us = freshness_ms * 1000;
    this.#perSender = perSender;
    this.#senders = senders;
    this.#start = Math.floor(clock.now() * 1000);
  }

  /** Senders that are remembered. */
  get size(): number {
    return this.#seen.size;
  }

  /** Whether a nonce is near enough to this clock; remembers nothing. */
  fresh(nonce: number): boolean {
    return Number.isSafeInteger(nonce) && Math.abs(nonce - this.#clock.now() * 1000) <= this.#freshness_us;
  }

  accept(from: PeerKey, nonce: number): boolean {
    if (!this.fresh(nonce)) return false;
    const seen = this.#seen.get(from) ?? this.#newcomer(from);
    if (seen === null || nonce < seen.floor || seen.nonces.has(nonce)) return false;
    seen.nonces.add(nonce);
    seen.latest = Math.max(seen.latest, nonce);
    if (seen.nonces.size > this.#perSender) forgetOlderHalf(seen);
    return true;
  }

  #newcomer(from: PeerKey): Seen | null {
    if (this.#seen.size >= this.#senders) this.#forgetSilent();
    if (this.#seen.size >= this.#senders) return null;
    const fresh = { nonces: new Set<number>(), floor: this.#start, latest: 0 };
    this.#seen.set(from, fresh);
    return fresh;
  }

  /** Those whose every nonce is too old by now: nothing of theirs would be accepted again. */
  #forgetSilent(): void {
    const oldest = this.#clock.now() * 1000 - this.#freshness_us;
    for (const [key, { latest }] of this.#seen) if (latest < oldest) this.#seen.delete(key);
  }
}

function forgetOlderHalf(seen: Seen): void {
  const sorted = [...seen.nonces].sort((a, b) => a - b);
  const cut = sorted[sorted.length >> 1];
  for (const nonce of sorted) if (nonce < cut) seen.nonces.delete(nonce);
  seen.floor = Math.max(seen.floor, cut);
}

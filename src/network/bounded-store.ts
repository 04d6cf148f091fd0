/** What others make this peer keep: bounded in number and bytes, in all and per owner, and for a limited time. */
import type { Clock } from './clock.js';

/** Bounds of a store. */
export interface StoreLimits {
  readonly entries: number;
  readonly bytes: number;
  /** Entries of one owner. */
  readonly entriesPerOwner: number;
  /** Bytes of one owner. */
  readonly bytesPerOwner: number;
  /** How long an entry stays; `Infinity` where only the bounds end it. */
  readonly lifetime_ms: number;
}

interface Entry<Value> {
  readonly owner: string;
  readonly name: string;
  readonly value: Value;
  readonly bytes: number;
  readonly until_ms: number;
}

/** What became of something that was to be kept. */
export type Kept = 'kept' | 'oversize' | 'full';

/**
 * A bounded, expiring store. An owner that brings more than its share loses its own oldest entry, never another's; where the whole
 * is full, entries of the least useful owner go first, and only for one that is more useful.
 */
export class BoundedStore<Value> {
  readonly #limits: StoreLimits;
  readonly #clock: Clock;
  readonly #worth: (owner: string) => number;
  readonly #entries = new Map<string, Entry<Value>>(); // insertion order: oldest first
  readonly #owners = new Map<string, { entries: number; bytes: number }>();
  #bytes = 0;

  /** @param worth how useful an owner is, for instance its weight in this peer's row; the least useful is evicted first. */
  constructor(limits: StoreLimits, clock: Clock, worth: (owner: string) => number = () => 0) {
    this.#limits = limits;
    this.#clock = clock;
    this.#worth = worth;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Bytes kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a value under a name, in place of what stood there. */
  put(owner: string, name: string, value: Value, bytes: number): Kept {
    const { entriesPerOwner, bytesPerOwner, lifetime_ms } = this.#limits;
    if (bytes > bytesPerOwner || bytes > this.#limits.bytes || entriesPerOwner < 1) return 'oversize';
    this.expire();
    this.delete(owner, name);
    while (this.#sumOf(owner).entries >= entriesPerOwner || this.#sumOf(owner).bytes + bytes > bytesPerOwner) this.#dropOldest(owner);
    while (this.#entries.size >= this.#limits.entries || this.#bytes + bytes > this.#limits.bytes) {
      const victim = this.#leastUseful();
      if (victim === undefined || (victim !== owner && this.#worth(victim) >= this.#worth(owner))) return 'full';
      this.#dropOldest(victim);
    }
    this.#entries.set(keyOf(owner, name), { owner, name, value, bytes, until_ms: this.#clock.now() + lifetime_ms });
    this.#count(owner, 1, bytes);
    return 'kept';
  }

  get(owner: string, name: string): Value | undefined {
    const entry = this.#entries.get(keyOf(owner, name));
    if (entry === undefined) return undefined;
    if (entry.until_ms > this.#clock.now()) return entry.value;
    this.delete(owner, name);
    return undefined;
  }

  delete(owner: string, name: string): boolean {
    const key = keyOf(owner, name);
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#count(owner, -1, -entry.bytes);
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#owners.clear();
    this.#bytes = 0;
  }

  /** What is kept, oldest first. */
  *values(): IterableIterator<{ readonly owner: string; readonly name: string; readonly value: Value; readonly bytes: number }> {
    this.expire();
    for (const { owner, name, value, bytes } of this.#entries.values()) yield { owner, name, value, bytes };
  }

  /** Drops what has been kept long enough. */
  expire(): void {
    if (this.#limits.lifetime_ms === Number.POSITIVE_INFINITY) return;
    const now_ms = this.#clock.now();
    for (const { owner, name, until_ms } of this.#entries.values()) if (until_ms <= now_ms) this.delete(owner, name);
  }

  #sumOf(owner: string): { readonly entries: number; readonly bytes: number } {
    return this.#owners.get(owner) ?? { entries: 0, bytes: 0 };
  }

  #count(owner: string, entries: number, bytes: number): void {
    const sum = this.#sumOf(owner);
    const next = { entries: sum.entries + entries, bytes: sum.bytes + bytes };
    if (next.entries === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, next);
    this.#bytes += bytes;
  }

  #leastUseful(): string | undefined {
    let least: string | undefined;
    for (const owner of this.#owners.keys()) if (least === undefined || this.#worth(owner) < this.#worth(least)) least = owner;
    return least;
  }

  #dropOldest(owner: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.owner !== owner) continue;
      this.delete(owner, entry.name);
      return;
    }
  }
}

/** Owners cannot name each other's entries. */
function keyOf(owner: string, name: string): string {
  return `${owner.length}:${owner}${name}`;
}

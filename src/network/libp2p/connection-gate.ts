/** Which incoming connections may stay: those that have not said who they are, strangers, and members, each within bounds of their own. */
import type { Clock } from '../clock.js';
import type { RefusalLog, RefusalReason } from '../refusals.js';
import type { PeerKey } from '../types.js';

/** Bounds on incoming connections, by phase. */
export interface ConnectionLimits {
  /** Connections whose other side has not yet shown its key. */
  readonly pending: number;
  /** Of those, from one address. */
  readonly pendingPerAddress: number;
  /** Time to show a key. */
  readonly pending_ms: number;
  /** Connections of keys without stake. */
  readonly strangers: number;
  /** Of those, from one address. */
  readonly strangersPerAddress: number;
  /** Connections of one member. There is no bound on members: their stake is. */
  readonly perMember: number;
  /** Streams with unfinished requests of one key without stake. */
  readonly streamsPerStranger: number;
  /** Time for a request to arrive whole, and for its answer to be read. */
  readonly frame_ms: number;
  /** Bytes of half-arrived requests of all keys without stake. */
  readonly strangerBytes: number;
}

/** 512 pending, 256 of one address, 10 s; 64 of strangers; 8 per member; 30 s for a frame. */
export const DEFAULT_CONNECTIONS: ConnectionLimits = {
  pending: 512,
  pendingPerAddress: 256,
  pending_ms: 10_000,
  strangers: 64,
  strangersPerAddress: 64,
  perMember: 8,
  streamsPerStranger: 8,
  frame_ms: 30_000,
  strangerBytes: 1024 * 1024,
};

/** What the gate needs of a connection. */
export interface GatedConnection {
  abort(reason: Error): void;
}

interface Place {
  readonly connection: GatedConnection;
  readonly address: string;
  readonly cancel: () => void;
  /** Null until it has shown a key. */
  key: PeerKey | null;
}

/**
 * Keeps places for those that matter. A newcomer is never refused: where there is no room the oldest connection of the most crowded
 * address gives way, so that silent connections cannot keep out one that completes its handshake.
 */
export class ConnectionGate {
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #log: RefusalLog;
  readonly #isMember: (key: PeerKey) => boolean;
  readonly #places = new Map<GatedConnection, Place>(); // oldest first

  constructor(limits: ConnectionLimits, clock: Clock, log: RefusalLog, isMember: (key: PeerKey) => boolean) {
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
    this.#isMember = isMember;
  }

  /** Connections by phase. */
  counts(): { readonly pending: number; readonly strangers: number; readonly members: number } {
    return { pending: this.#pending().length, strangers: this.#strangers().length, members: this.#members().length };
  }

  /** A connection came from an address; it has shown no key yet. */
  arrived(connection: GatedConnection, address: string): void {
    const cancel = this.#clock.after(this.#limits.pending_ms, () => {
      const place = this.#places.get(connection);
      if (place?.key === null) this.#drop(place, 'pendingDeadline');
    });
    this.#places.set(connection, { connection, address, cancel, key: null });
    this.#makeRoom(() => this.#pending(), this.#limits.pending, this.#limits.pendingPerAddress, 'pendingLimit');
  }

  /** It has proved that it holds a key. */
  authenticated(connection: GatedConnection, key: PeerKey): void {
    const place = this.#places.get(connection);
    if (place === undefined) return;
    place.cancel();
    this.#places.delete(connection);
    this.#places.set(connection, { ...place, key }); // the newest among those with a key
    if (this.#isMember(key)) {
      const own = this.#members().filter((other) => other.key === key);
      for (const old of own.slice(0, Math.max(0, own.length - this.#limits.perMember))) this.#drop(old, 'quota');
      return;
    }
    this.#makeRoom(() => this.#strangers(), this.#limits.strangers, this.#limits.strangersPerAddress, 'strangerLimit');
  }

  /** It is gone. */
  closed(connection: GatedConnection): void {
    this.#places.get(connection)?.cancel();
    this.#places.delete(connection);
  }

  #pending(): Place[] {
    return [...this.#places.values()].filter(({ key }) => key === null);
  }

  #strangers(): Place[] {
    return [...this.#places.values()].filter(({ key }) => key !== null && !this.#isMember(key));
  }

  #members(): Place[] {
    return [...this.#places.values()].filter(({ key }) => key !== null && this.#isMember(key));
  }

  #makeRoom(places: () => Place[], most: number, perAddress: number, reason: RefusalReason): void {
    for (let held = places(); held.length > 0; held = places()) {
      const [address, crowd] = mostCrowded(held);
      if (held.length <= most && crowd <= perAddress) return;
      this.#drop(held.find((place) => place.address === address) as Place, reason);
    }
  }

  #drop(place: Place, reason: RefusalReason): void {
    place.cancel();
    this.#places.delete(place.connection);
    this.#log.count(reason, place.key, place.key !== null && this.#isMember(place.key));
    place.connection.abort(new Error(`connection refused: ${reason}`));
  }
}

function mostCrowded(places: readonly Place[]): [string, number] {
  const counts = new Map<string, number>();
  for (const { address } of places) counts.set(address, (counts.get(address) ?? 0) + 1);
  let most: [string, number] = ['', 0];
  for (const entry of counts) if (entry[1] > most[1]) most = entry;
  return most;
}

/**
 * Students of peers, kept for when a peer cannot be evaluation. A peer announces the hash of its student; whoever wants it asks for it by that hash and keeps it only if the
 * bytes hash to it, so it does not matter who handed them over.
 */

import { InputError } from '../../core/errors.js';
import { isUint8Array } from '../../core/typed-arrays.js';
import { BoundedStore, type CallOptions, type Handlers, type Network, type PeerKey, systemClock } from '../../network/index.js';
import type { DenseNet } from '../models/dense-net.js';
import { partsOf, type Saved, type Stateful } from '../saved.js';
import { contentHash, decodeStudent } from './student-file.js';

/** Topic and method under which students travel. */
export const STUDENT_TOPIC = 'intermodel/student';
export const STUDENT_METHOD = 'student';

/** What became of a fetch. */
export type FetchOutcome =
  | { readonly ok: true; readonly hash: string; readonly bytes: number }
  | { readonly ok: false; readonly code: 'unreachable' | 'hash' | 'format' | 'shape' | 'member' | 'size'; readonly reason: string };

interface Kept {
  readonly hash: string;
  readonly student: DenseNet;
  readonly bytes: Uint8Array;
}

/** Largest student as bytes: a quarter of a million parameters. */
const MOST_BYTES = 1024 * 1024;

/** Students kept of all peers together. */
const ALL_BYTES = 64 * MOST_BYTES;

/** Whether a text can be the hash of a student. */
export function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Sizes that a student must have to stand in its peer's position. */
export interface StudentShape {
  readonly inputWidth: number;
  readonly width: number;
}

/** Students by their peer's key. */
export class StudentCache implements Stateful {
  readonly #kept: BoundedStore<Kept>;
  /** Hashes of students that were kept before a restart. */
  readonly #wanted = new Map<PeerKey, string>();
  /** What each participant announced last. */
  readonly #announced = new Map<PeerKey, { readonly height: number; readonly hash: string }>();

  /**
   * @param call options of every fetch; left out: those of the network
   * @param isMember whose students are kept; left out: all
   * @param worth how useful a peer is; where there is no room, the students of the least useful go first
   */
  constructor(
    readonly shape: StudentShape,
    private readonly call: CallOptions = {},
    private readonly isMember: (peer: PeerKey) => boolean = () => true,
    worth: (peer: PeerKey) => number = () => 0,
  ) {
    const lifetime_ms = Number.POSITIVE_INFINITY; // a student is for when its peer is away, however long
    const limits = { entries: 256, bytes: ALL_BYTES, entriesPerOwner: 1, bytesPerOwner: MOST_BYTES, lifetime_ms };
    this.#kept = new BoundedStore(limits, systemClock, worth);
  }

  /** Fetches the student of a peer, checks its hash, its format and its sizes, and keeps it. Never throws for what a peer sent. */
  async fetch(network: Network, peer: PeerKey, hash: string): Promise<FetchOutcome> {
    if (!this.isMember(peer)) return { ok: false, code: 'member', reason: 'not a participant of this run' };
    return this.#fetchFrom(network, peer, peer, hash);
  }

  /** Fetches the student of a peer that cannot be reached from any other that has it, where this one kept it before a restart. */
  async recover(network: Network, peer: PeerKey, others: readonly PeerKey[]): Promise<boolean> {
    const hash = this.#wanted.get(peer);
    if (hash === undefined || this.hashOf(peer) !== undefined) return false;
    for (const other of others) if (other !== peer && (await this.#fetchFrom(network, other, peer, hash)).ok) return true;
    return false;
  }

  async #fetchFrom(network: Network, from: PeerKey, peer: PeerKey, hash: string): Promise<FetchOutcome> {
    const outcome = await network.call(from, STUDENT_METHOD, new TextEncoder().encode(hash), this.call);
    if (!outcome.ok) return { ok: false, code: 'unreachable', reason: `${outcome.failure.code}: ${outcome.failure.reason}` };
    return this.keep(peer, outcome.value, hash);
  }

  /** Keeps a student that is at hand as bytes. */
  keep(peer: PeerKey, bytes: Uint8Array, hash: string): FetchOutcome {
    if (bytes.length > MOST_BYTES) return { ok: false, code: 'size', reason: `${bytes.length} bytes, above the limit of ${MOST_BYTES}` };
    const found = contentHash(bytes);
    if (found !== hash) return { ok: false, code: 'hash', reason: `the bytes hash to ${found}, not to ${hash}` };
    let student: DenseNet;
    try {
      student = decodeStudent(bytes);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { ok: false, code: 'format', reason: error.message };
    }
    const { inputWidth, width } = this.shape;
    if (student.inputWidth !== inputWidth || student.width !== width) {
      return { ok: false, code: 'shape', reason: `maps ${student.inputWidth} to ${student.width}, not ${inputWidth} to ${width}` };
    }
    const kept = this.#kept.put(peer, '', { hash, student, bytes: bytes.slice() }, bytes.length);
    if (kept !== 'kept') return { ok: false, code: 'size', reason: 'no room among the students of more useful peers' };
    this.#wanted.delete(peer);
    return { ok: true, hash, bytes: bytes.length };
  }

  /** Whether there is a student of this peer, and which. */
  hashOf(peer: PeerKey): string | undefined {
    return this.#kept.get(peer, '')?.hash;
  }

  /** The student's response `[batch, width]` in its peer's place; undefined when there is none. */
  respond(peer: PeerKey, inputs: Float32Array, batch: number): Float64Array | undefined {
    return this.#kept.get(peer, '')?.student.forward(inputs, batch);
  }

  /** The bytes with this hash, of whichever peer they are. */
  bytesOf(hash: string): Uint8Array | undefined {
    for (const { value } of this.#kept.values()) if (value.hash === hash) return value.bytes;
    return undefined;
  }

  /** The hashes alone: bodies are fetched again, from whoever has them. */
  save(): Saved {
    return Object.fromEntries([...this.#kept.values()].map(({ owner, value }) => [owner, new TextEncoder().encode(value.hash)]));
  }

  restore(saved: Saved): void {
    for (const [peer, bytes] of Object.entries(partsOf(saved))) {
      const hash = isUint8Array(bytes) ? new TextDecoder().decode(bytes) : '';
      if (isHash(hash)) this.#wanted.set(peer, hash);
    }
  }

  /**
   * Fetches whatever participants announce from now on; the cache always holds the newest.
   * @param oncePerHeight a participant of a ledger has one student per block: another one that it announces at the same height is counted and not fetched
   */
  follow(
    network: Network,
    onFetch: (peer: PeerKey, outcome: FetchOutcome) => void = () => undefined,
    { oncePerHeight = false }: { readonly oncePerHeight?: boolean } = {},
  ): void {
    network.listen(STUDENT_TOPIC, async (peer, _topic, bytes, height) => {
      const hash = new TextDecoder().decode(bytes.subarray(0, 64));
      if (!isHash(hash) || !this.isMember(peer)) return network.note('malformed', peer);
      const before = this.#announced.get(peer);
      if (oncePerHeight && before?.height === height && before.hash !== hash) return network.note('equivocation', peer);
      this.#announced.set(peer, { height, hash });
      if (this.hashOf(peer) === hash) return;
      onFetch(peer, await this.fetch(network, peer, hash));
    });
  }
}

/** Serves the own student: the newest bytes, by their hash. */
export class StudentOffer {
  #bytes = new Uint8Array(0);
  #hash = '';

  /** The handler to put among a peer's calls; students of others are handed on as well. */
  calls(cache?: StudentCache): NonNullable<Handlers['calls']> {
    return {
      [STUDENT_METHOD]: (asked) => {
        const hash = new TextDecoder().decode(asked.subarray(0, 64));
        if (this.#hash !== '' && (hash === '' || hash === this.#hash)) return this.#bytes;
        const other = cache?.bytesOf(hash);
        if (other === undefined) throw new Error('no student with this hash');
        return other;
      },
    };
  }

  /** The hash of what is offered; empty when nothing is. */
  get hash(): string {
    return this.#hash;
  }

  /** Offers these bytes from now on and announces their hash. */
  async publish(network: Network, bytes: Uint8Array): Promise<string> {
    this.#bytes = bytes.slice();
    this.#hash = contentHash(bytes);
    await network.announce(STUDENT_TOPIC, new TextEncoder().encode(this.#hash));
    return this.#hash;
  }
}

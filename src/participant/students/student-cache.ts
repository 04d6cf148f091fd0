/**
 * Students of peers, kept for when a peer cannot be evaluation. A peer announces the hash of its student; whoever wants it asks for it by that hash and keeps it only if the
 * bytes hash to it, so it does not matter who handed them over.
 */
import { InputError } from '../../core/errors.js';
import type { CallOptions, Handlers, Network, PeerKey } from '../../network/index.js';
import type { DenseNet } from '../models/dense-net.js';
import { partsOf, type Saved, type Stateful } from '../saved.js';
import { contentHash, decodeStudent, encodeStudent } from './student-file.js';

/** Topic and method under which students travel. */
export const STUDENT_TOPIC = 'intermodel/student';
export const STUDENT_METHOD = 'student';

/** What became of a fetch. */
export type FetchOutcome =
  | { readonly ok: true; readonly hash: string; readonly bytes: number }
  | { readonly ok: false; readonly code: 'unreachable' | 'hash' | 'format' | 'shape'; readonly reason: string };

interface Kept {
  readonly hash: string;
  readonly student: DenseNet;
}

/** Sizes that a student must have to stand in its peer's position. */
export interface StudentShape {
  readonly inputWidth: number;
  readonly width: number;
}

/** Students by their peer's key. */
export class StudentCache implements Stateful {
  readonly #kept = new Map<PeerKey, Kept>();

  /** @param call options of every fetch; left out: those of the network */
  constructor(
    readonly shape: StudentShape,
    private readonly call: CallOptions = {},
  ) {}

  /** Fetches the student of a peer, checks its hash, its format and its sizes, and keeps it. Never throws for what a peer sent. */
  async fetch(network: Network, peer: PeerKey, hash: string): Promise<FetchOutcome> {
    const outcome = await network.call(peer, STUDENT_METHOD, new TextEncoder().encode(hash), this.call);
    if (!outcome.ok) return { ok: false, code: 'unreachable', reason: `${outcome.failure.code}: ${outcome.failure.reason}` };
    return this.keep(peer, outcome.value, hash);
  }

  /** Keeps a student that is at hand as bytes. */
  keep(peer: PeerKey, bytes: Uint8Array, hash: string): FetchOutcome {
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
    this.#kept.set(peer, { hash, student });
    return { ok: true, hash, bytes: bytes.length };
  }

  /** Whether there is a student of this peer, and which. */
  hashOf(peer: PeerKey): string | undefined {
    return this.#kept.get(peer)?.hash;
  }

  /** The student's response `[batch, width]` in its peer's place; undefined when there is none. */
  respond(peer: PeerKey, inputs: Float32Array, batch: number): Float64Array | undefined {
    return this.#kept.get(peer)?.student.forward(inputs, batch);
  }

  save(): Saved {
    return Object.fromEntries([...this.#kept].map(([peer, { student }]) => [peer, encodeStudent(student)]));
  }

  restore(saved: Saved): void {
    for (const [peer, bytes] of Object.entries(partsOf(saved))) {
      if (bytes instanceof Uint8Array) this.keep(peer, bytes, contentHash(bytes));
    }
  }

  /** Fetches whatever peers announce from now on; the cache always holds the newest. */
  follow(network: Network, onFetch: (peer: PeerKey, outcome: FetchOutcome) => void = () => undefined): void {
    network.listen(STUDENT_TOPIC, (peer, _topic, bytes) => {
      const hash = new TextDecoder().decode(bytes);
      if (!/^[0-9a-f]{64}$/.test(hash) || this.hashOf(peer) === hash) return;
      void this.fetch(network, peer, hash).then((outcome) => onFetch(peer, outcome));
    });
  }
}

/** Serves the own student: the newest bytes, by their hash. */
export class StudentOffer {
  #bytes = new Uint8Array(0);
  #hash = '';

  /** The handler to put among a peer's calls. */
  readonly calls: NonNullable<Handlers['calls']> = {
    [STUDENT_METHOD]: (asked) => {
      const hash = new TextDecoder().decode(asked);
      if (this.#hash === '' || (hash !== '' && hash !== this.#hash)) throw new Error(`no student ${hash}`);
      return this.#bytes;
    },
  };

  /** The hash of what is offered; empty when nothing is. */
  get hash(): string {
    return this.#hash;
  }

  /** Offers these bytes from now on and tells everybody their hash. */
  async publish(network: Network, bytes: Uint8Array): Promise<string> {
    this.#bytes = bytes.slice();
    this.#hash = contentHash(bytes);
    await network.announce(STUDENT_TOPIC, new TextEncoder().encode(this.#hash));
    return this.#hash;
  }
}

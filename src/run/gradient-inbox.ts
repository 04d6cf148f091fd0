/** Gradients that askers sent back, kept until the next training step: only for what they were answered, and only so much. */
import { BoundedStore, type Clock, type PeerKey, type RefusalReason, systemClock, type Tensor } from '../network/index.js';

/** Inputs and dL/df, as they came together. */
export interface Returned {
  readonly input: Tensor;
  readonly gradient: Tensor;
}

/** Batches kept per sender; a sender that runs ahead of this peer loses its oldest. */
const PER_SENDER = 4;

/** Answers remembered per sender; asking for a measurement takes a few, a round one. */
const ANSWERED = 64;

const MEGABYTE = 1024 * 1024;

/** One queue per sender, oldest first. */
export class GradientInbox {
  readonly #answered: BoundedStore<true>;
  readonly #returned: BoundedStore<Returned>;
  #next = 0;

  constructor(clock: Clock = systemClock) {
    const lifetime_ms = Number.POSITIVE_INFINITY; // until the next step takes all
    this.#answered = new BoundedStore(
      { entries: 65_536, bytes: 64 * MEGABYTE, entriesPerOwner: ANSWERED, bytesPerOwner: MEGABYTE, lifetime_ms },
      clock,
    );
    this.#returned = new BoundedStore(
      { entries: 4096, bytes: 512 * MEGABYTE, entriesPerOwner: PER_SENDER, bytesPerOwner: 64 * MEGABYTE, lifetime_ms },
      clock,
    );
  }

  /** This peer was answered for these inputs, and may send a gradient for them, once. */
  answered(to: PeerKey, input: Tensor): void {
    this.#answered.put(to, nameOf(input), true, 64);
  }

  /** Something came. Null when it is kept, otherwise why it is not. */
  put(from: PeerKey, returned: Returned): RefusalReason | null {
    if (!this.#answered.delete(from, nameOf(returned.input))) return 'unasked';
    const bytes = returned.input.data.byteLength + returned.gradient.data.byteLength;
    return this.#returned.put(from, `${this.#next++}`, returned, bytes) === 'kept' ? null : 'quota';
  }

  /** Everything that came, by sender; nothing stays. */
  take(): Map<PeerKey, readonly Returned[]> {
    const taken = new Map<PeerKey, Returned[]>();
    for (const { owner, value } of this.#returned.values()) taken.set(owner, [...(taken.get(owner) ?? []), value]);
    this.#returned.clear();
    return taken;
  }
}

/** Words of an input that its name is made of. */
const SAMPLED = 1024;

/**
 * Names an input by its shape and some of its words. Not a hash that withstands an attack, and it need not be: names are compared with those of the same sender only,
 * and whoever finds two inputs of one name could have asked about either.
 */
function nameOf({ shape, data }: Tensor): string {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const stride = Math.max(1, Math.floor(words.length / SAMPLED));
  let name = 0x811c9dc5;
  for (let at = 0; at < words.length; at += stride) name = Math.imul(name ^ words[at], 0x01000193);
  return `${shape.join('x')} ${name}`;
}

/** Gradients that askers sent back, kept until the next training step. */
import type { PeerKey, Tensor } from '../network/index.js';

/** Inputs and dL/df, as they came together. */
export interface Returned {
  readonly input: Tensor;
  readonly gradient: Tensor;
}

/** Batches kept per sender; a sender that runs ahead of this peer loses its oldest. */
const PER_SENDER = 4;

/** One queue per sender, oldest first. */
export class GradientInbox {
  readonly #queues = new Map<PeerKey, Returned[]>();

  /** Something came. */
  put(from: PeerKey, returned: Returned): void {
    const queue = this.#queues.get(from) ?? [];
    queue.push(returned);
    if (queue.length > PER_SENDER) queue.shift();
    this.#queues.set(from, queue);
  }

  /** Everything that came, by sender; nothing stays. */
  take(): Map<PeerKey, readonly Returned[]> {
    const taken = new Map(this.#queues);
    this.#queues.clear();
    return taken;
  }
}

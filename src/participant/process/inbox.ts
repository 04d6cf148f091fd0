/** Gradients that askers sent back, kept until the next training step. */
import type { PeerKey, Tensor } from '../../network/index.js';

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
  #waiting: (() => void) | null = null;

  /** Something came. */
  put(from: PeerKey, returned: Returned): void {
    const queue = this.#queues.get(from) ?? [];
    queue.push(returned);
    if (queue.length > PER_SENDER) queue.shift();
    this.#queues.set(from, queue);
    this.#waiting?.();
  }

  /** Waits until each of these senders has sent something, or the time is over; takes one from every sender that has. */
  async collect(expected: readonly PeerKey[], patience_ms: number): Promise<Map<PeerKey, Returned>> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience_ms);
      const check = () => {
        if (!expected.every((key) => (this.#queues.get(key)?.length ?? 0) > 0)) return;
        clearTimeout(timer);
        resolve();
      };
      this.#waiting = check;
      check();
    });
    this.#waiting = null;
    const taken = new Map<PeerKey, Returned>();
    for (const [key, queue] of this.#queues) {
      const next = queue.shift();
      if (next !== undefined) taken.set(key, next);
    }
    return taken;
  }
}

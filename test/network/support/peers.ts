/** Small building blocks for network tests. */
import {
  type Answer,
  createIdentity,
  type Handlers,
  type Identity,
  type Receiver,
  type Request,
  type Tensor,
} from '../../../src/network/index.js';

/** A key that is the same in every run. */
export function identityOf(number: number): Identity {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, number, true);
  return createIdentity(seed);
}

/** A [rows, columns] tensor whose entry i is start + i. */
export function ramp(rows: number, columns: number, start = 0): Tensor {
  return { shape: [rows, columns], data: Float32Array.from({ length: rows * columns }, (_, i) => start + i) };
}

/** f(x) = factor * x, and its gradient. */
export function scaling(factor: number): Required<Pick<Handlers, 'query' | 'backward'>> {
  const scale = (tensor: Tensor) => ({ shape: [...tensor.shape], data: tensor.data.map((x) => factor * x) });
  return { query: scale, backward: (_input, gradient) => scale(gradient) };
}

/** A peer without this package's checks: it answers whatever the test wants. */
export function attacker(answer: (request: Request) => Promise<Answer> | Answer): Receiver {
  return { screen: () => null, refused: () => {}, isMember: () => true, handle: async (request) => answer(request) };
}

export const NO_BYTES = new Uint8Array(0);

/** Resolves after real time has passed. */
export function sleep(delay_ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delay_ms));
}

/** Resolves when something has happened so many times. */
export class Tally {
  #count = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  get count(): number {
    return this.#count;
  }

  /** It happened once more. */
  add(): void {
    this.#count++;
    for (const { count, resolve } of this.#waiting) if (count <= this.#count) resolve();
    this.#waiting = this.#waiting.filter(({ count }) => count > this.#count);
  }

  reach(count: number): Promise<void> {
    if (this.#count >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}

/** A peer that takes every request and answers none; tells how many have come. */
export function staller(): { readonly receiver: Receiver; readonly came: Tally } {
  const came = new Tally();
  const receiver = attacker(() => {
    came.add();
    return new Promise<Answer>(() => {});
  });
  return { receiver, came };
}

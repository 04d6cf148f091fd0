/** Time that passes only when a test says so. */
import type { Clock } from '../../../src/network/index.js';

interface Timer {
  readonly at_ms: number;
  readonly order: number;
  action: (() => void) | null;
}

/** A clock whose timers run in order of time, and in order of creation at equal times. */
export class VirtualClock implements Clock {
  #now_ms: number;
  #order = 0;
  readonly #heap: Timer[] = [];

  constructor(start_ms = 1_700_000_000_000) {
    this.#now_ms = start_ms;
  }

  now(): number {
    return this.#now_ms;
  }

  after(delay_ms: number, action: () => void): () => void {
    const timer: Timer = { at_ms: this.#now_ms + Math.max(0, delay_ms), order: this.#order++, action };
    this.#push(timer);
    return () => {
      timer.action = null;
    };
  }

  /** Resolves after virtual time. */
  sleep(delay_ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(delay_ms, resolve));
  }

  /** Runs every timer up to a time; between two, everything that was waiting in promises runs to its end. */
  async runUntil(end_ms: number): Promise<void> {
    while (this.#heap.length > 0 && this.#heap[0].at_ms <= end_ms) {
      const { at_ms, action } = this.#pop();
      if (action === null) continue;
      this.#now_ms = at_ms;
      action();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now_ms = Math.max(this.#now_ms, end_ms);
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let child = heap.push(timer) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!earlier(heap[child], heap[parent])) return;
      [heap[child], heap[parent]] = [heap[parent], heap[child]];
      child = parent;
    }
  }

  #pop(): Timer {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop() as Timer;
    if (heap.length === 0) return top;
    heap[0] = last;
    for (let parent = 0; ; ) {
      let child = 2 * parent + 1;
      if (child >= heap.length) return top;
      if (child + 1 < heap.length && earlier(heap[child + 1], heap[child])) child++;
      if (!earlier(heap[child], heap[parent])) return top;
      [heap[child], heap[parent]] = [heap[parent], heap[child]];
      parent = child;
    }
  }
}

function earlier(a: Timer, b: Timer): boolean {
  return a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order);
}

/** Owns work that nothing awaits: what goes wrong in it is counted and told, and never ends the process. */
import { printable, SHOWN_OF_STRANGERS } from '../core/printable.js';

/** One failure of a supervised task. */
export interface TaskFailure {
  /** Which kind of task, as its owner named it. */
  readonly what: string;
  readonly message: string;
}

/** Failures kept in full; the others are only counted. */
const KEPT = 16;

/**
 * The owner of asynchronous tasks and callbacks. A rejection, and an exception thrown before the first `await`, both end here.
 *
 * @example
 * ```ts
 * import { Supervisor } from 'intermodel/network';
 *
 * const tasks = new Supervisor();
 * tasks.run('fetch', async () => { throw new Error('no route'); });
 * await tasks.idle();
 * console.log(tasks.failures()); // { fetch: 1 }
 * ```
 */
export class Supervisor {
  readonly #onFailure: ((failure: TaskFailure) => void) | undefined;
  readonly #counts = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  #recent: TaskFailure[] = [];

  /** @param onFailure told of each failure; what it throws itself is counted as a failure of `report`. */
  constructor(onFailure?: (failure: TaskFailure) => void) {
    this.#onFailure = onFailure;
  }

  /** Tasks under way. */
  get running(): number {
    return this.#running.size;
  }

  /** Runs a task to its end, whatever becomes of it. */
  run(what: string, task: () => unknown): void {
    const done = this.#settled(what, task).finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  /** Calls something now and returns what it gives, or `otherwise` when it throws. A promise that it returns is owned as well. */
  call<T>(what: string, action: () => T, otherwise: T): T {
    try {
      const result = action();
      if (result instanceof Promise) this.run(what, () => result);
      return result;
    } catch (error) {
      this.#failed(what, error);
      return otherwise;
    }
  }

  /** Failures by kind of task. */
  failures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** The latest failures, oldest first. */
  recent(): readonly TaskFailure[] {
    return this.#recent;
  }

  /** Resolves when no task is under way, those included that tasks start meanwhile. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #settled(what: string, task: () => unknown): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#failed(what, error);
    }
  }

  #failed(what: string, error: unknown): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    const failure = { what, message: printable(error instanceof Error ? error.message : error, { most: SHOWN_OF_STRANGERS }) };
    this.#recent = [...this.#recent, failure].slice(-KEPT);
    try {
      this.#onFailure?.(failure);
    } catch {
      this.#counts.set('report', (this.#counts.get('report') ?? 0) + 1); // it cannot be reported anywhere else
    }
  }
}

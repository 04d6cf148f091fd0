/** Which process speaks for a key, and whether it has the settings of the run. */
import type { Clock, PeerKey } from '../network/index.js';
import { settingsHash } from './messages.js';
import { type Hello, type RefusedAnswer, RUN_PROTOCOL } from './protocol.js';
import type { RunSettings } from './settings.js';

/** What has to be equal in all participants of a run. */
export interface Expected {
  /** From `settingsHash`. */
  readonly settings: string;
  readonly width: number;
  /** Places of the run, those that were left included. */
  readonly participants: number;
  /** Numbers per sample, where it is known beforehand. */
  readonly inputWidth?: number;
}

/** What the participants of a run with these settings have in common. */
export function expectedOf(settings: RunSettings, seed: number, inputWidth?: number): Expected {
  const { participants, width } = settings;
  return { settings: settingsHash(settings, seed), width, participants, ...(inputWidth === undefined ? {} : { inputWidth }) };
}

interface Session {
  readonly id: string;
  heard_ms: number;
  polls: number;
}

/** How long a process that was heard counts as being there, when it does not wait for an answer. */
const LEASE_MS = 10_000;

/** One session per key: the process that said hello last, while it is there. */
export class Sessions {
  readonly #clock: Clock;
  readonly #expected: Expected | undefined;
  readonly #sessions = new Map<PeerKey, Session>();

  constructor(clock: Clock, expected: Expected | undefined) {
    this.#clock = clock;
    this.#expected = expected;
  }

  /** Takes a process in, or says what differs, or that another one has its key. */
  hello(key: PeerKey, hello: Hello): RefusedAnswer | null {
    const differs = this.#difference(hello);
    if (differs !== null) return { refused: 'differs', reason: differs };
    const held = this.#sessions.get(key);
    if (held !== undefined && held.id !== hello.session && this.#isThere(held)) {
      return { refused: 'keyInUse', reason: 'another process uses this key now; give each participant a key of its own' };
    }
    this.#sessions.set(key, { id: hello.session, heard_ms: this.#clock.now(), polls: 0 });
    return null;
  }

  /** Why a message of this session is not acted on, or null. */
  problem(key: PeerKey, id: string): RefusedAnswer | null {
    if (this.#expected === undefined) return null;
    const held = this.#sessions.get(key);
    if (held === undefined) return { refused: 'unknownSession', reason: 'say hello first' };
    if (held.id !== id) return { refused: 'keyInUse', reason: 'another process has taken over this key' };
    held.heard_ms = this.#clock.now();
    return null;
  }

  /** While this runs the process is there; if its connection ends meanwhile, it is not. */
  async polling(key: PeerKey, signal: AbortSignal, wait: () => Promise<void>): Promise<void> {
    const held = this.#sessions.get(key);
    if (held === undefined) return wait();
    held.polls++;
    try {
      await wait();
    } finally {
      held.polls--;
      held.heard_ms = signal.aborted ? Number.NEGATIVE_INFINITY : this.#clock.now();
    }
  }

  /** Its process is gone. */
  end(key: PeerKey): void {
    const held = this.#sessions.get(key);
    if (held !== undefined) held.heard_ms = Number.NEGATIVE_INFINITY;
  }

  #isThere({ heard_ms, polls }: Session): boolean {
    return polls > 0 || this.#clock.now() - heard_ms < LEASE_MS;
  }

  #difference({ protocol, settings, width, inputWidth }: Hello): string | null {
    if (protocol !== RUN_PROTOCOL)
      return `this run speaks version ${RUN_PROTOCOL} of the protocol, not ${protocol}: install the same version of the package`;
    const expected = this.#expected;
    if (expected === undefined) return null;
    if (settings !== expected.settings) {
      return `the settings or the seed differ from those of the run (hash ${settings.slice(0, 12)}, not ${expected.settings.slice(0, 12)})`;
    }
    if (width !== expected.width) return `answers have ${width} numbers, those of the run ${expected.width}`;
    if (expected.inputWidth !== undefined && inputWidth !== expected.inputWidth) {
      return `samples have ${inputWidth} numbers, those of the run ${expected.inputWidth}`;
    }
    return null;
  }
}

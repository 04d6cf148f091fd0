/** What the participants of a run tell the one that keeps the ledger, and what it answers. All of it is CBOR. */
import { encode } from 'cborg';
import { AbortedError, EnvironmentError } from '../core/errors.js';
import { printable } from '../core/printable.js';
import type { DataDescription } from '../data/dataset.js';
import type { Clock, Network, PeerKey, PeerTraffic, RefusalReport, ServiceCounters } from '../network/index.js';
import type { Absence } from './absence.js';
import { readValue } from './value.js';

/** Named calls of the coordinator. Reading the ledger is open to all; the rest needs stake. */
export const CALL = {
  genesis: 'ledger/genesis',
  head: 'ledger/head',
  block: 'ledger/block',
  hello: 'run/hello',
  submit: 'ledger/submit',
  barrier: 'run/barrier',
  rejoin: 'run/rejoin',
  progress: 'run/progress',
  result: 'run/result',
} as const;

/** Version of these messages. */
export const RUN_PROTOCOL = 3;

/** What a participant says before anything else: what has to be equal in all of a run, and which process it is. */
export interface Hello {
  readonly protocol: number;
  /** SHA-256 of the settings and the seed of the run, 64 hexadecimal digits. */
  readonly settings: string;
  /** Numbers per sample. */
  readonly inputWidth: number;
  /** Numbers per response. */
  readonly width: number;
  /** Drawn when the process starts: a second process with the same key has another. */
  readonly session: string;
}

/** The coordinator does not act on a message. */
export interface RefusedAnswer {
  readonly refused: string;
  readonly reason: string;
}

/**
 * Where members wait for one another: after all queries of a round, after all have learnt, and after all students are offered; at a block, which is closed when all
 * have arrived; and after it, until all have followed it and serve, those that were admitted with it included.
 */
export type Barrier =
  | { readonly kind: 'asked' | 'learnt' | 'published'; readonly round: number }
  | { readonly kind: 'block' | 'followed'; readonly round: number; readonly height: number };

/** Equal for equal barriers. */
export function barrierName(barrier: Barrier): string {
  // All of it: who names another round waits at another barrier, and decides nothing for the others.
  return 'height' in barrier ? `${barrier.kind} ${barrier.height} after ${barrier.round}` : `${barrier.kind} ${barrier.round}`;
}

/** The last block of the run, equal for all who are told at one barrier. Another writer of the store may have closed blocks since. */
interface HeightAnswer {
  readonly height: number;
}

/** What a hello is answered with. */
export type HelloAnswer = HeightAnswer;

/** `done` false: ask again. `out`: too late, the others continued; rejoin. */
export interface BarrierAnswer extends HeightAnswer {
  readonly done: boolean;
  readonly out: boolean;
}

/** Coming late, or back. */
export interface RejoinRequest {
  /** Rounds behind it. */
  readonly round: number;
}

/** `round` null: ask again, unless the run is `over`. Otherwise all continue after this round. */
export interface RejoinAnswer extends HeightAnswer {
  readonly round: number | null;
  readonly over: boolean;
}

/** Progress of one participant. */
export interface PeerProgress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly loss?: number;
}

/** Loss and, where there are classes, accuracy; see samples.ts. */
interface PlainScore {
  readonly loss: number;
  readonly accuracy: number | null;
}

/** Everything one participant measured, as plain data. */
export interface ParticipantResult {
  readonly index: number;
  readonly encoder: string;
  readonly trainSamples: number;
  readonly validationSamples: number;
  readonly measurement: {
    readonly ideal: readonly number[];
    readonly ablation: readonly number[];
    readonly shapley: readonly number[];
    readonly gram: readonly number[];
    readonly linearShare: number;
  };
  /** On held-out samples: with the responses of all, its own alone, through its gate, and with its proxy in the gate's place. */
  readonly evaluation: { readonly head: PlainScore; readonly own: PlainScore; readonly gate: PlainScore; readonly proxy: PlainScore };
  /** Its row of the competition mask when it measured; 0 for those without an answer or a stand-in. */
  readonly mask: readonly number[];
  /** Per round that it took part in: round, head, own, gate, proxy. */
  readonly losses: readonly (readonly number[])[];
  /** Peers that went away while it trained, and what that cost. */
  readonly absences: readonly Absence[];
}

/** A participant's result with the books of its process. */
export interface PeerResult extends ParticipantResult {
  readonly traffic: readonly (readonly [PeerKey, PeerTraffic])[];
  readonly service: ServiceCounters;
  /** What its process turned away, by reason and by sender. */
  readonly refusals: RefusalReport;
  readonly data: DataDescription;
  readonly processor_s: number;
  readonly memory_mb: number;
}

/** Failures after which the coordinator may simply have been restarted: a new one refuses calls that are older than itself, and all calls until it has opened its store. */
const PASSING: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'banned', 'replay', 'unsupported', 'busy']);

/** Refusals that pass: another process with this key may be ending. */
const PASSING_REFUSALS: ReadonlySet<string> = new Set(['keyInUse']);

/** Between two attempts. */
const PAUSE_MS = 500;

/** How to wait for a coordinator. */
export interface Waiting {
  /** How long to keep trying while there is no answer. Default: not at all. */
  readonly patience_ms?: number;
  /** Gives up at once. */
  readonly signal?: AbortSignal;
  /** Called before the first pause of each call, with what went wrong. */
  readonly onSilence?: (reason: string) => void;
}

/**
 * Calls the coordinator. A coordinator that is being started again is waited for; beyond that a failure is an EnvironmentError, since without a ledger nothing goes on.
 *
 * @throws EnvironmentError BTM_IO, AbortedError
 */
export async function ask<T>(network: Network, coordinator: PeerKey, method: string, value: unknown, waiting: Waiting = {}): Promise<T> {
  const { patience_ms = 0, signal, onSilence } = waiting;
  let told = false;
  const bytes = encode(value);
  const options = { deadline_ms: DEADLINE_MS, ignoreBan: true, ...(signal === undefined ? {} : { signal }) };
  const { clock } = network;
  for (const started_ms = clock.now(); ; ) {
    const outcome = await network.call(coordinator, method, bytes, options);
    const late = clock.now() - started_ms >= patience_ms;
    if (outcome.ok) {
      const answer = readValue(outcome.value);
      if (!isRefused(answer)) return answer as T;
      if (!PASSING_REFUSALS.has(answer.refused) || late) throw refusal(method, answer);
    }
    if (signal?.aborted === true) throw new AbortedError('waiting for the coordinator of the ledger');
    if (!outcome.ok) {
      const { code, reason } = outcome.failure;
      if (patience_ms > 0 && PASSING.has(code) && !told) onSilence?.(`${code}: ${reason}`);
      told = true;
      if (!PASSING.has(code) || late) throw silent(method, `${code}: ${reason}`);
    }
    await pause(clock, signal);
  }
}

/** Ends early when the caller gives up. */
async function pause(clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(PAUSE_MS, resolve);
    signal?.addEventListener(
      'abort',
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}

/** Longer than the longest poll. */
const DEADLINE_MS = 60_000;

function isRefused(answer: unknown): answer is RefusedAnswer {
  return typeof answer === 'object' && answer !== null && typeof (answer as RefusedAnswer).refused === 'string';
}

function refusal(method: string, { refused, reason }: RefusedAnswer): EnvironmentError {
  const attempts = [{ what: method, reason: printable(`${refused}: ${reason}`, { most: 500 }) }];
  return new EnvironmentError('BTM_IO', 'the coordinator of the ledger refused a message', attempts);
}

function silent(method: string, reason: string): EnvironmentError {
  return new EnvironmentError(
    'BTM_IO',
    `the coordinator of the ledger did not answer ${method}`,
    [{ what: method, reason }],
    ['is the process that keeps the ledger still running?'],
  );
}

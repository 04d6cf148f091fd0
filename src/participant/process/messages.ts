/** What the processes of a run tell the one that keeps the ledger, and what it answers. All of it is CBOR. */
import { decode, encode } from 'cborg';
import { EnvironmentError } from '../../core/errors.js';
import type { Network, PeerKey, PeerTraffic, ServiceCounters } from '../../network/index.js';

/** Named calls of the sequencer. Reading the ledger is open to everybody; the rest needs stake. */
export const CALL = {
  genesis: 'ledger/genesis',
  head: 'ledger/head',
  block: 'ledger/block',
  submit: 'ledger/submit',
  barrier: 'run/barrier',
  progress: 'run/progress',
  result: 'run/result',
} as const;

/** Waiting for everybody. With `close`, the sequencer closes a block when all have come. */
export interface BarrierRequest {
  readonly name: string;
  readonly round: number;
  readonly close: boolean;
}

/** `done` false: ask again. */
export interface BarrierAnswer {
  readonly done: boolean;
  readonly height: number;
}

/** Progress of one process. */
export interface PeerProgress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
}

/** Everything one process measured. */
export interface PeerResult {
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
  readonly reached: {
    readonly headAccuracy: number;
    readonly ownAccuracy: number;
    readonly gateAccuracy: number;
    readonly proxyAccuracy: number;
  };
  /** Its row of the competition mask when it measured; 0 for those that did not answer. */
  readonly mask: readonly number[];
  /** Mean loss of its head on its validation batch with what the network answered, in nats. */
  readonly validationLoss: number;
  /** Per round: head, own, gate, proxy. */
  readonly losses: readonly (readonly number[])[];
  readonly traffic: readonly (readonly [PeerKey, PeerTraffic])[];
  readonly service: ServiceCounters;
  readonly encoderBackend: { readonly name: string; readonly version: string };
  readonly data: {
    readonly name: string;
    readonly samples: number;
    readonly classes: number;
    readonly height: number;
    readonly width: number;
  };
  readonly processor_s: number;
  readonly memory_mb: number;
}

/** Calls the sequencer; a failure is an EnvironmentError, since without a ledger nothing goes on. */
export async function ask<T>(network: Network, sequencer: PeerKey, method: string, value: unknown, deadline_ms = 60_000): Promise<T> {
  const outcome = await network.call(sequencer, method, encode(value), { deadline_ms, ignoreBan: true });
  if (outcome.ok) return decode(outcome.value) as T;
  const { code, reason } = outcome.failure;
  throw new EnvironmentError(
    'BTM_IO',
    `the sequencer did not answer ${method}`,
    [{ what: method, reason: `${code}: ${reason}` }],
    ['is the process that keeps the ledger still running?'],
  );
}

/** The demonstration as processes: one per participant, libp2p between them, and one that keeps the ledger. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AbortedError, EnvironmentError } from '../../core/errors.js';
import { RandomStream } from '../../core/random.js';
import { checkInteger } from '../../core/validate.js';
import { memoryStore, ROW_PARTS, rowToParts, type Store, sparseRow, TOKEN } from '../../ledger/index.js';
import { createIdentity, type Identity, type PeerKey, type PeerTraffic, type ServiceCounters, type WireType } from '../../network/index.js';
import { buildCast, type CastMember } from '../cast.js';
import type { DemoBlock, DemoSettings } from '../result.js';
import { resolveSettings } from '../settings.js';
import type { TensorflowChoice } from '../tensorflow.js';
import type { PeerProgress, PeerResult } from './messages.js';
import { type Refusal, Sequencer } from './sequencer.js';

/** What to run. */
export interface ProcessesOptions extends Partial<DemoSettings> {
  readonly seed?: number;
  /** Command line that runs `intermodel`; `peer --config FILE` is appended. */
  readonly command: readonly string[];
  readonly wire?: WireType;
  readonly tensorflow?: TensorflowChoice;
  readonly store?: Store;
  /** Kills these participants, by index, as soon as this training round is over; for showing that the rest go on. */
  readonly kill?: { readonly indices: readonly number[]; readonly round: number };
}

/** Cancellation and progress. */
export interface ProcessesHooks {
  readonly signal?: AbortSignal;
  /** `line` is for people. */
  readonly onProgress?: (line: string) => void;
}

/** How one process fared. */
export interface ProcessReport {
  readonly index: number;
  readonly name: string;
  readonly key: PeerKey;
  readonly status: 'finished' | 'killed' | 'failed';
  /** What it wrote to stderr, if it failed. */
  readonly error?: string;
  /** Null unless it finished. */
  readonly result: PeerResult | null;
}

/** Everything a run of processes gave. */
export interface ProcessesResult {
  readonly seed: number;
  readonly settings: ReturnType<typeof resolveSettings>;
  readonly wire: WireType;
  readonly cast: readonly CastMember[];
  readonly reports: readonly ProcessReport[];
  readonly blocks: readonly DemoBlock[];
  /** Final rows on the ledger, [rater][ranked]. */
  readonly weights: Float64Array;
  readonly stake: Float64Array;
  /** Ranking (5) of the last block, tokens. */
  readonly ledgerRanking: Float64Array;
  readonly chainVerified: boolean;
  readonly elapsed_s: number;
}

/** Totals of one caller over all it asked, the ledger's keeper included. */
export interface TrafficTotals {
  readonly calls: number;
  readonly success: number;
  readonly timeout: number;
  readonly error: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Largest median and 95th percentile over its peers, milliseconds. */
  readonly latencyMedian_ms: number;
  readonly latencyP95_ms: number;
  readonly served: number;
  readonly refused: number;
}

const KEY_STREAM = 8;
const SEQUENCER_STREAM = 88;

/**
 * Starts the processes, keeps the ledger, and waits for the end.
 *
 * @throws EnvironmentError when no process finished; AbortedError when `signal` fired
 */
export async function runProcesses(options: ProcessesOptions, hooks: ProcessesHooks = {}): Promise<ProcessesResult> {
  const { seed: givenSeed, command, wire = 'f32', tensorflow = 'auto', store = memoryStore(), kill, ...given } = options;
  const seed = checkInteger('seed', givenSeed ?? 7, 0);
  const settings = resolveSettings(given);
  const cast = buildCast({ participants: settings.participants, classes: 10, largestShard: settings.largestShard, seed });
  const identities = cast.map((_, index) => identityOf(seed, KEY_STREAM, index));
  const fleet = new Fleet(cast, identities, kill, hooks);
  const started = performance.now();
  const sequencer = await Sequencer.start({
    identity: identityOf(seed, SEQUENCER_STREAM, 0),
    store,
    genesis: genesisOf(identities, settings),
    members: identities.map((identity) => identity.key),
    onBlock: (round, refused) => fleet.block(sequencer, round, refused),
    onProgress: (peer, progress) => fleet.progress(peer, progress),
    onResult: (peer, result) => fleet.result(peer, result),
  });
  const folder = await mkdtemp(join(tmpdir(), 'intermodel-'));
  try {
    for (const [index, identity] of identities.entries()) {
      const path = join(folder, `peer-${index}.json`);
      const config = {
        formatVersion: 1,
        index,
        seed,
        identity: Buffer.from(identity.seed).toString('hex'),
        sequencer: { key: sequencer.network.self, addresses: sequencer.transport.addresses() },
        wire,
        tensorflow,
        settings,
      };
      await writeFile(path, JSON.stringify(config), { mode: 0o600 }); // it holds a private key
      fleet.start(index, [...command, 'peer', '--config', path], sequencer);
    }
    await fleet.finished();
    const { ok } = await sequencer.ledger.verify();
    return { seed, settings, wire, cast, ...fleet.outcome(sequencer), chainVerified: ok, elapsed_s: (performance.now() - started) / 1000 };
  } finally {
    fleet.stop();
    await sequencer.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The sums over everybody a process called. */
export function totalsOf(traffic: readonly PeerTraffic[], service: ServiceCounters): TrafficTotals {
  const sum = (of: (one: PeerTraffic) => number) => traffic.reduce((total, one) => total + of(one), 0);
  return {
    calls: sum((one) => one.calls),
    success: sum((one) => one.success),
    timeout: sum((one) => one.timeout),
    error: sum((one) => one.error),
    bytesSent: sum((one) => one.bytesSent),
    bytesReceived: sum((one) => one.bytesReceived),
    latencyMedian_ms: Math.max(0, ...traffic.map((one) => one.latencyMedian_ms)),
    latencyP95_ms: Math.max(0, ...traffic.map((one) => one.latencyP95_ms)),
    served: service.served,
    refused: Object.values(service.refused).reduce((total, count) => total + count, 0),
  };
}

/** The child processes of a run. */
class Fleet {
  readonly #children: ChildProcess[] = [];
  readonly #status: ProcessReport['status'][] = [];
  readonly #errors: string[] = [];
  readonly #results: (PeerResult | null)[] = [];
  readonly #ends: Promise<void>[] = [];
  readonly #blocks: DemoBlock[] = [];
  #round = 0;
  #killed = false;
  #aborted = false;

  constructor(
    private readonly cast: readonly CastMember[],
    private readonly identities: readonly Identity[],
    private readonly kill: ProcessesOptions['kill'],
    private readonly hooks: ProcessesHooks,
  ) {
    hooks.signal?.addEventListener('abort', () => {
      this.#aborted = true;
      this.stop();
    });
  }

  start(index: number, [program, ...args]: readonly string[], sequencer: Sequencer): void {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children[index] = child;
    this.#errors[index] = '';
    this.#results[index] = null;
    child.stderr?.on('data', (data) => {
      this.#errors[index] = (this.#errors[index] + String(data)).slice(-4000);
    });
    this.#ends[index] = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#errors[index] += error.message;
      });
      child.once('close', (code) => {
        this.#status[index] ??= code === 0 && this.#results[index] !== null ? 'finished' : 'failed';
        if (this.#status[index] !== 'finished') this.hooks.onProgress?.(`${this.cast[index].name} ${this.#status[index]}`);
        sequencer.leave(this.identities[index].key);
        resolve();
      });
    });
  }

  async finished(): Promise<void> {
    await Promise.all(this.#ends);
    if (this.#aborted) throw new AbortedError('the run of processes');
    if (this.#status.includes('finished')) return;
    const attempts = this.#errors.map((reason, index) => ({ what: this.cast[index].name, reason: reason.trim().slice(-400) }));
    throw new EnvironmentError('BTM_IO', 'no participant finished', attempts);
  }

  stop(): void {
    for (const child of this.#children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }

  progress(peer: PeerKey, { phase, done, total }: PeerProgress): void {
    const index = this.identities.findIndex((identity) => identity.key === peer);
    if (phase === 'training' && done > this.#round) {
      this.#round = done;
      if (done % 10 === 0) this.hooks.onProgress?.(`training: round ${done} of ${total}`);
    } else if (phase !== 'training') {
      this.hooks.onProgress?.(`${this.cast[index]?.name ?? peer}: ${phase} ${done} of ${total}`);
    }
    if (this.kill !== undefined && !this.#killed && this.#round >= this.kill.round) this.#execute(this.kill.indices);
  }

  result(peer: PeerKey, result: PeerResult): void {
    const index = this.identities.findIndex((identity) => identity.key === peer);
    this.#results[index] = result;
  }

  block(sequencer: Sequencer, round: number, refused: readonly Refusal[]): void {
    const { ledger } = sequencer;
    const ranking = ledger.ranking();
    const total = ranking?.ranking.reduce((sum, r) => sum + r, 0) ?? 0;
    const state = ledger.state();
    const keys = this.identities.map((identity) => identity.key);
    const changed = state.participants().filter((participant) => participant.lastSet === ledger.height).length;
    this.#blocks.push({
      height: ledger.height,
      round,
      ranking: Array.from(ranking?.ranking ?? [], (r) => r / total),
      stake: keys.map((key) => Number(state.stake(key)) / Number(TOKEN)),
      minted: Number(ranking?.minted ?? 0n) / Number(TOKEN),
      accepted: changed,
      refused: refused.map(({ key, code }) => ({ participant: this.cast[keys.indexOf(key)]?.name ?? key, code })),
    });
  }

  outcome(sequencer: Sequencer) {
    const { ledger } = sequencer;
    const state = ledger.state();
    const reports = this.cast.map(({ name }, index): ProcessReport => {
      const status = this.#status[index];
      const error = status === 'failed' ? { error: this.#errors[index] } : {};
      return {
        index,
        name,
        key: this.identities[index].key,
        status,
        ...error,
        result: status === 'finished' ? this.#results[index] : null,
      };
    });
    return {
      reports,
      blocks: this.#blocks,
      weights: Float64Array.from(state.weights().parts, (part) => part / ROW_PARTS),
      stake: Float64Array.from(this.identities, ({ key }) => Number(state.stake(key)) / Number(TOKEN)),
      ledgerRanking: ledger.ranking()?.ranking ?? new Float64Array(this.cast.length),
    };
  }

  #execute(indices: readonly number[]): void {
    this.#killed = true;
    for (const index of indices) {
      this.#status[index] = 'killed';
      this.#children[index].kill('SIGKILL');
    }
  }
}

function genesisOf(identities: readonly Identity[], settings: DemoSettings) {
  const row = sparseRow(rowToParts(new Float64Array(identities.length).fill(1)));
  return {
    parameters: { epsilon: Math.round(settings.stepBound * ROW_PARTS), tau: tokens(settings.tau), emission: settings.emission },
    participants: identities.map(({ key }) => ({ key, stake: tokens(settings.initialStake), row })),
  };
}

/** Keys of a demonstration follow from its seed, so that a run can be repeated. Anybody who knows the seed has them: never use them for more. */
function identityOf(seed: number, stream: number, index: number): Identity {
  const source = new RandomStream(seed, stream, index);
  return createIdentity(Uint8Array.from({ length: 32 }, () => source.integer(256)));
}

function tokens(amount: number): bigint {
  return BigInt(Math.round(amount * Number(TOKEN)));
}

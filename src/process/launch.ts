/** The demonstration as processes: one per participant, libp2p between them, and this one keeps the ledger. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../../core/errors.js';
import { checkInteger } from '../../core/validate.js';
import { memoryStore, type Store } from '../../ledger/index.js';
import { type Identity, Libp2pTransport, type PeerKey, type WireType } from '../../network/index.js';
import { buildCast, type CastMember } from '../demo/cast.js';
import { dataNamed, placeOfData } from '../demo/named-data.js';
import type { DemoBlock, DemoSettings } from '../demo/result.js';
import { resolveSettings } from '../demo/settings.js';
import { describeBlock, describeLedger, type Lived } from '../living/books.js';
import { genesisOf, identityOf, keeperIdentity } from '../living/genesis.js';
import { Keeper } from '../living/keeper.js';
import type { LifeSettings } from '../living/life.js';
import type { PeerProgress, PeerResult } from '../living/messages.js';
import type { TensorflowChoice } from '../models/tensorflow.js';
import { Fleet, type ProcessStatus } from './fleet.js';

/** Participants that are killed, to show that the rest go on. */
export interface Kill {
  readonly indices: readonly number[];
  /** Killed as the first block at or after this training round closes. */
  readonly round: number;
  /** Started again as the first block at or after this round closes. Left out: they stay away. */
  readonly restart?: number;
}

/** What to run. */
export interface ProcessesOptions extends Partial<DemoSettings> {
  readonly seed?: number;
  /** Command line that runs `intermodel`; `peer --config FILE` is appended. */
  readonly command: readonly string[];
  /** 'mnist', 'text', or a folder of IDX files. Default 'mnist'. */
  readonly data?: string;
  readonly wire?: WireType;
  readonly tensorflow?: TensorflowChoice;
  readonly store?: Store;
  /** Whether participants keep students of each other. Default true. */
  readonly students?: boolean;
  readonly kill?: Kill;
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
  readonly status: ProcessStatus;
  readonly restarts: number;
  /** What it wrote to stderr, if it failed. */
  readonly error?: string;
}

/** Everything a run of processes gave. */
export interface ProcessesResult extends Lived<PeerResult> {
  readonly seed: number;
  readonly settings: LifeSettings;
  readonly wire: WireType;
  readonly cast: readonly CastMember[];
  readonly reports: readonly ProcessReport[];
  readonly elapsed_s: number;
}

/**
 * Starts the processes, keeps the ledger, and waits for the end.
 *
 * @throws InputError for settings that cannot be run; EnvironmentError when no process finished; AbortedError when `signal` fired
 */
export async function runProcesses(options: ProcessesOptions, hooks: ProcessesHooks = {}): Promise<ProcessesResult> {
  const {
    seed: givenSeed,
    command,
    data: givenData = 'mnist',
    wire = 'f32',
    tensorflow = 'auto',
    store = memoryStore(),
    students = true,
    kill,
    ...given
  } = options;
  const seed = checkInteger('seed', givenSeed ?? 7, 0);
  const settings = resolveSettings(given);
  const data = placeOfData(givenData, process.cwd()); // the configurations lie in another folder
  checkKill(kill, settings);
  const { train } = await dataNamed(data);
  const cast = buildCast({ participants: settings.participants, classes: train.classes, largestShard: settings.largestShard, seed });
  const identities = cast.map((_, index) => identityOf(seed, index));
  const folder = await mkdtemp(join(tmpdir(), 'intermodel-'));
  const run = new Run(cast, identities, folder, command, kill, hooks);
  const started = performance.now();
  const keeper = await run.open(seed, settings, store);
  try {
    const to = { key: keeper.network.self, addresses: run.addresses };
    await run.start({ formatVersion: 1, seed, keeper: to, wire, tensorflow, data, students, settings });
    const ledger = await describeLedger(keeper.ledger);
    const { results, reports, blocks } = run.outcome();
    return { seed, settings, wire, cast, results, reports, blocks, ...ledger, elapsed_s: (performance.now() - started) / 1000 };
  } finally {
    run.fleet.stop();
    await keeper.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function checkKill(kill: Kill | undefined, { participants, rounds }: DemoSettings): void {
  if (kill === undefined) return;
  for (const index of kill.indices) checkInteger('kill.indices', index, 0, participants - 1);
  checkInteger('kill.round', kill.round, 0, rounds);
  if (kill.restart !== undefined) checkInteger('kill.restart', kill.restart, kill.round + 1, rounds);
  if (new Set(kill.indices).size === participants) {
    throw new InputError('BTM_DOMAIN', 'must leave somebody alive', { argument: 'kill.indices', value: kill.indices });
  }
}

/** The processes and the keeper of one run. */
class Run {
  readonly fleet: Fleet;
  addresses: readonly string[] = [];
  readonly #results: (PeerResult | null)[];
  readonly #blocks: DemoBlock[] = [];
  readonly #indexOf: ReadonlyMap<PeerKey, number>;
  #keeper: Keeper | null = null;
  #round = 0;
  #killed = false;
  #restarted = false;
  #failure: unknown = null;

  constructor(
    private readonly cast: readonly CastMember[],
    private readonly identities: readonly Identity[],
    private readonly folder: string,
    command: readonly string[],
    private readonly kill: Kill | undefined,
    private readonly hooks: ProcessesHooks,
  ) {
    this.#results = cast.map(() => null);
    this.#indexOf = new Map(identities.map(({ key }, index) => [key, index]));
    const commands = cast.map((_, index) => [...command, 'peer', '--config', this.#config(index)]);
    const names = cast.map(({ name }) => name);
    const { signal } = hooks;
    const onEnd = (index: number, status: ProcessStatus) => this.#ended(index, status);
    this.fleet = new Fleet(commands, names, { onEnd, ...(signal === undefined ? {} : { signal }) });
  }

  /** Starts the keeper. */
  async open(seed: number, settings: DemoSettings, store: Store): Promise<Keeper> {
    const transport = await Libp2pTransport.start({ identity: keeperIdentity(seed) });
    this.addresses = transport.addresses();
    const keys = this.identities.map(({ key }) => key);
    const names = new Map(keys.map((key, index) => [key, this.cast[index].name]));
    this.#keeper = await Keeper.start({
      transport,
      store,
      genesis: genesisOf(keys, settings),
      onFailure: (error) => this.#fail(error),
      onBlock: (round, refused) => {
        this.#blocks.push(describeBlock((this.#keeper as Keeper).ledger, names, round, refused));
        this.#strike(round);
      },
      onProgress: (peer, progress) => this.#progress(peer, progress),
      onResult: (peer, result) => {
        const index = this.#indexOf.get(peer);
        if (index !== undefined) this.#results[index] = result as PeerResult;
      },
    });
    return this.#keeper;
  }

  /** Starts everybody and waits for the end. */
  async start(config: object): Promise<void> {
    for (const [index, identity] of this.identities.entries()) {
      const own = { ...config, identity: Buffer.from(identity.seed).toString('hex'), state: `peer-${index}.state` };
      await writeFile(this.#config(index), JSON.stringify(own), { mode: 0o600 }); // it holds a private key
    }
    this.fleet.startAll();
    await this.fleet.finished().catch((error: unknown) => {
      throw this.#failure ?? error;
    });
    if (this.#failure !== null) throw this.#failure;
  }

  outcome() {
    const reports = this.cast.map(({ name }, index) => ({ index, name, key: this.identities[index].key, ...this.fleet.fate(index) }));
    const results = reports.map(({ status }, index) => (status === 'finished' ? this.#results[index] : null));
    return { reports, results, blocks: this.#blocks };
  }

  /** Nobody can go on without a ledger. */
  #fail(error: unknown): void {
    this.#failure = error;
    this.fleet.stop();
  }

  #config(index: number): string {
    return join(this.folder, `peer-${index}.json`);
  }

  /** Between a block and the next round: everybody has just been measured. */
  #strike(round: number): void {
    if (this.kill === undefined) return;
    const { indices, round: from, restart } = this.kill;
    if (!this.#killed && round >= from) {
      this.#killed = true;
      this.fleet.kill(indices);
    }
    if (restart !== undefined && !this.#restarted && round >= restart) {
      this.#restarted = true;
      this.fleet.restart(indices);
    }
  }

  #ended(index: number, status: ProcessStatus): void {
    if (status !== 'finished' && this.hooks.signal?.aborted !== true) this.hooks.onProgress?.(`${this.cast[index].name} ${status}`);
    this.#keeper?.leave(this.identities[index].key);
  }

  #progress(peer: PeerKey, { phase, done, total }: PeerProgress): void {
    if (phase === 'training') {
      if (done > this.#round && done % 10 === 0) this.hooks.onProgress?.(`training: round ${done} of ${total}`);
      this.#round = Math.max(this.#round, done);
    } else this.hooks.onProgress?.(`${this.cast[this.#indexOf.get(peer) ?? 0].name}: ${phase} ${done} of ${total}`);
  }
}

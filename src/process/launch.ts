/** The demonstration as processes: one per participant, libp2p between them, and this one keeps the ledger. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import { createKey, memoryStore, type Store } from '../ledger/index.js';
import { type Identity, Libp2pTransport, type PeerKey, type WireType } from '../network/index.js';
import { Coordinator } from '../run/coordinator.js';
import { coordinatorIdentity, genesisOf, identityOf } from '../run/genesis.js';
import { placeOfData } from '../run/named-data.js';
import type { PeerProgress, PeerResult } from '../run/protocol.js';
import type { Roster } from '../run/roster.js';
import { type BlockRecord, describeBlock, describeLedger, type RunRecord } from '../run/run-record.js';
import { expectedOf } from '../run/sessions.js';
import { type RunSettings, resolveSettings } from '../run/settings.js';
import { ProcessGroup, type ProcessStatus } from './process-group.js';

/** Participants that are killed, to show that the rest continue. */
export interface Kill {
  readonly indices: readonly number[];
  /** Killed as the first block at or after this training round closes; the run waits until they have ended. */
  readonly round: number;
  /** Started again as the first block at or after this round closes; the run waits at it until they have applied, and admits them with the next block. Left out: they stay away. */
  readonly restart?: number;
}

/** What to run. */
export interface ProcessesOptions extends Partial<RunSettings> {
  readonly seed?: number;
  /** Command line that runs `intermodel`; `peer --config FILE` is appended. */
  readonly command: readonly string[];
  /** Who plays; the command has to build the same participants. */
  readonly roster: Roster;
  /** 'mnist', 'text', 'table', FILE.csv#COLUMN, or a folder of IDX files. Default 'mnist'. */
  readonly data?: string;
  readonly wire?: WireType;
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
export interface ProcessesResult extends RunRecord<PeerResult> {
  readonly seed: number;
  readonly settings: RunSettings;
  readonly wire: WireType;
  /** By position on the ledger. */
  readonly names: readonly string[];
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
    roster,
    data: givenData = 'mnist',
    wire = 'f32',
    store = memoryStore(),
    students = true,
    kill,
    ...given
  } = options;
  const seed = checkInteger('seed', givenSeed ?? 7, 0);
  const data = placeOfData(givenData, process.cwd()); // the configurations lie in another folder
  const settings = resolveSettings({ ...(await roster.defaults({ given, seed, data })), ...given });
  checkKill(kill, settings);
  const { names } = await roster.plan({ settings, seed, data });
  const identities = names.map((_, index) => identityOf(seed, index));
  const folder = await mkdtemp(join(tmpdir(), 'intermodel-'));
  const run = new ProcessRun(names, identities, folder, command, kill, hooks);
  const started = performance.now();
  const coordinator = await run.open(seed, settings, store);
  try {
    const to = { key: coordinator.network.self, addresses: run.addresses };
    await run.start({ formatVersion: 1, seed, coordinator: to, wire, data, students, settings });
    const ledger = await describeLedger(coordinator.ledger);
    const { results, reports, blocks } = run.outcome();
    return { seed, settings, wire, names, results, reports, blocks, ...ledger, elapsed_s: (performance.now() - started) / 1000 };
  } finally {
    run.group.stop();
    await coordinator.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function checkKill(kill: Kill | undefined, { participants, rounds }: RunSettings): void {
  if (kill === undefined) return;
  for (const index of kill.indices) checkInteger('kill.indices', index, 0, participants - 1);
  checkInteger('kill.round', kill.round, 0, rounds);
  if (kill.restart !== undefined) checkInteger('kill.restart', kill.restart, kill.round + 1, rounds);
  if (new Set(kill.indices).size === participants) {
    throw new InputError('BTM_DOMAIN', 'must leave at least one participant alive', { argument: 'kill.indices', value: kill.indices });
  }
}

/** The processes and the coordinator of one run. */
class ProcessRun {
  readonly group: ProcessGroup;
  addresses: readonly string[] = [];
  readonly #results: (PeerResult | null)[];
  readonly #blocks: BlockRecord[] = [];
  readonly #indexOf: ReadonlyMap<PeerKey, number>;
  #coordinator: Coordinator | null = null;
  /** By key: what waits for a restarted participant to apply for its place. */
  readonly #applied = new Map<PeerKey, () => void>();
  #round = 0;
  #killed = false;
  #restarted = false;
  #failure: unknown = null;

  constructor(
    private readonly names: readonly string[],
    private readonly identities: readonly Identity[],
    private readonly folder: string,
    command: readonly string[],
    private readonly kill: Kill | undefined,
    private readonly hooks: ProcessesHooks,
  ) {
    this.#results = names.map(() => null);
    this.#indexOf = new Map(identities.map(({ key }, index) => [key, index]));
    const commands = names.map((_, index) => [...command, 'peer', '--config', this.#config(index)]);
    const { signal } = hooks;
    const onEnd = (index: number, status: ProcessStatus) => this.#ended(index, status);
    this.group = new ProcessGroup(commands, names, { onEnd, ...(signal === undefined ? {} : { signal }) });
  }

  /** Starts the coordinator. */
  async open(seed: number, settings: RunSettings, store: Store): Promise<Coordinator> {
    const identity = coordinatorIdentity(seed);
    const transport = await Libp2pTransport.start({ identity });
    this.addresses = transport.addresses();
    const keys = this.identities.map(({ key }) => key);
    const names = new Map(keys.map((key, index) => [key, this.names[index]]));
    this.#coordinator = await Coordinator.start({
      transport,
      store,
      key: createKey(identity.seed),
      genesis: genesisOf(keys, settings),
      schedule: settings,
      expected: expectedOf(settings, seed),
      onKeyInUse: (peer) => this.hooks.onProgress?.(`a second process came with the key of ${this.names[this.#indexOf.get(peer) ?? 0]}`),
      onFailure: (error) => this.#fail(error),
      onBlock: (round, refused) => {
        this.#blocks.push(describeBlock((this.#coordinator as Coordinator).ledger, names, round, refused));
        return this.#strike(round);
      },
      onApplicant: (peer) => this.#applied.get(peer)?.(),
      onProgress: (peer, progress) => this.#progress(peer, progress),
      onResult: (peer, result) => {
        const index = this.#indexOf.get(peer);
        if (index !== undefined) this.#results[index] = result as PeerResult;
      },
    });
    return this.#coordinator;
  }

  /** Starts all processes and waits for the end. */
  async start(config: object): Promise<void> {
    for (const [index, identity] of this.identities.entries()) {
      const own = { ...config, identity: Buffer.from(identity.seed).toString('hex'), state: `peer-${index}.state` };
      await writeFile(this.#config(index), JSON.stringify(own), { mode: 0o600 }); // it holds a private key
    }
    this.group.startAll();
    await this.group.finished().catch((error: unknown) => {
      throw this.#failure ?? error;
    });
    if (this.#failure !== null) throw this.#failure;
  }

  outcome() {
    const reports = this.names.map((name, index) => ({ index, name, key: this.identities[index].key, ...this.group.fate(index) }));
    const results = reports.map(({ status }, index) => (status === 'finished' ? this.#results[index] : null));
    return { reports, results, blocks: this.#blocks };
  }

  /** No participant can continue without a ledger. */
  #fail(error: unknown): void {
    this.#failure = error;
    this.group.stop();
  }

  #config(index: number): string {
    return join(this.folder, `peer-${index}.json`);
  }

  /**
   * Between a block and the next round: all have just been measured. The run waits at the block until the killed have ended, and until the restarted have applied for
   * their places, so that what follows does not depend on how long a process takes to start.
   */
  async #strike(round: number): Promise<void> {
    if (this.kill === undefined) return;
    const { indices, round: from, restart } = this.kill;
    if (!this.#killed && round >= from) {
      this.#killed = true;
      await this.group.kill(indices);
    }
    if (restart !== undefined && !this.#restarted && round >= restart) {
      this.#restarted = true;
      const returned = indices.map((index) => {
        const applied = new Promise<void>((resolve) => this.#applied.set(this.identities[index].key, resolve));
        return { index, applied };
      });
      this.group.restart(indices);
      await Promise.all(returned.map(({ index, applied }) => Promise.race([applied, this.group.ended([index])])));
    }
  }

  #ended(index: number, status: ProcessStatus): void {
    if (status !== 'finished' && this.hooks.signal?.aborted !== true) this.hooks.onProgress?.(`${this.names[index]} ${status}`);
    this.#coordinator?.leave(this.identities[index].key);
  }

  #progress(peer: PeerKey, { phase, done, total }: PeerProgress): void {
    if (phase === 'training') {
      if (done > this.#round && done % 10 === 0) this.hooks.onProgress?.(`training: round ${done} of ${total}`);
      this.#round = Math.max(this.#round, done);
    } else this.hooks.onProgress?.(`${this.names[this.#indexOf.get(peer) ?? 0]}: ${phase} ${done} of ${total}`);
  }
}

/** A coordinator of the ledger in a process of its own: serves the chain, lets rounds begin and end, and tells what happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AbortedError, EnvironmentError } from '../core/errors.js';
import { createKey, memoryStore, type Store, sqliteStore } from '../ledger/index.js';
import type { Libp2pTransport, PeerKey, RefusalReport } from '../network/index.js';
import { Coordinator } from '../run/coordinator.js';
import type { Refusal } from '../run/open-block.js';
import type { PeerProgress } from '../run/protocol.js';
import { type BlockRecord, describeBlock, describeLedger } from '../run/run-record.js';
import { expectedOf } from '../run/sessions.js';
import type { CoordinatorConfig } from './coordinator-config.js';
import { openTransport } from './open-transport.js';
import { watchPresence } from './presence.js';

/** What happens at the coordinator, as plain data. */
export type ServeEvent =
  | {
      readonly type: 'listening';
      readonly key: PeerKey;
      readonly addresses: readonly string[];
      readonly chain: string;
      readonly height: number;
    }
  | ({ readonly type: 'block'; readonly hash: string } & Omit<BlockRecord, 'refused'>)
  | { readonly type: 'refused'; readonly key: PeerKey; readonly code: string }
  | { readonly type: 'member'; readonly key: PeerKey; readonly change: 'in' | 'out' | 'waiting' }
  /** A second process came with a key that is in use. */
  | { readonly type: 'keyInUse'; readonly key: PeerKey }
  /** What was turned away since the start, told with every block in which it changed. */
  | ({ readonly type: 'refusals' } & RefusalReport)
  | { readonly type: 'progress'; readonly key: PeerKey; readonly progress: PeerProgress }
  | { readonly type: 'result'; readonly key: PeerKey; readonly result: unknown }
  | ({ readonly type: 'finished' } & Served);

/** How a network stands when its participants have finished. */
export interface Served {
  readonly chain: string;
  readonly height: number;
  /** Hash of the last block. */
  readonly head: string;
  /** Replayed from its genesis, every byte agrees. */
  readonly verified: boolean;
  /** In the order of the ledger. */
  readonly participants: readonly Standing[];
}

/** One participant at the end. */
export interface Standing {
  readonly key: PeerKey;
  /** Ranking (5) of the last block and stake, tokens. */
  readonly ranking: number;
  readonly stake: number;
  /** What it says it measured; null when it never said. */
  readonly result: unknown;
}

/** Cancellation, and what happens. */
export interface ServeHooks {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ServeEvent) => void;
}

/** How long participants that have delivered may take to hang up. */
const GOODBYE_MS = 5_000;

/**
 * Keeps a ledger until its participants have finished (`once`), or until the signal fires.
 *
 * @param config from `readCoordinatorConfig`
 * @param hooks `signal` closes the store and ends it; events
 * @returns the final ranking
 * @throws AbortedError, EnvironmentError without libp2p, SQLite or the port, InputError for a genesis that differs from the store's
 */
export async function serveLedger(config: CoordinatorConfig, hooks: ServeHooks = {}): Promise<Served> {
  const transport = await openTransport(config);
  try {
    const service = await LedgerService.open(transport, config, hooks);
    try {
      const served = await untilAborted(service.finished, hooks.signal);
      await goodbye(transport);
      return served;
    } finally {
      await service.close();
    }
  } finally {
    await transport.close(); // an open socket would keep the process alive
  }
}

class LedgerService {
  /** All that are waited for have delivered; only with `once`. */
  readonly finished: Promise<Served>;
  readonly #results = new Map<PeerKey, unknown>();
  readonly #emit: (event: ServeEvent) => void;
  readonly #stopWatching: () => void;
  #coordinator!: Coordinator;
  #rows = 0;
  readonly #rowsRefused = new Map<string, number>();
  #told = '';
  #finish!: (served: Served) => void;
  #fail!: (error: unknown) => void;

  private constructor(
    transport: Libp2pTransport,
    private readonly config: CoordinatorConfig,
    { onEvent }: ServeHooks,
  ) {
    this.#emit = onEvent ?? (() => {});
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.#stopWatching = watchPresence({
      expected: () => this.#expected(),
      connected: () => transport.connected(),
      onGone: (key) => this.#coordinator.leave(key),
    });
  }

  static async open(transport: Libp2pTransport, config: CoordinatorConfig, hooks: ServeHooks): Promise<LedgerService> {
    const service = new LedgerService(transport, config, hooks);
    const store = await openStore(config.store);
    try {
      service.#coordinator = await service.#start(transport, store);
    } catch (error) {
      service.#stopWatching();
      await store.close();
      throw error;
    }
    const { chain, height } = service.#coordinator.ledger;
    service.#emit({ type: 'listening', key: transport.self, addresses: transport.addresses(), chain, height });
    return service;
  }

  async close(): Promise<void> {
    this.#stopWatching();
    await this.#coordinator.close();
  }

  #start(transport: Libp2pTransport, store: Store): Promise<Coordinator> {
    const { genesis, patience_s, joinPatience_s, run, identity } = this.config;
    return Coordinator.start({
      transport,
      key: createKey(Buffer.from(identity, 'hex')),
      store,
      resumes: true,
      patience_ms: 1000 * patience_s,
      joinPatience_ms: 1000 * joinPatience_s,
      ...(genesis === undefined ? {} : { genesis }),
      ...(run === undefined ? {} : { schedule: run.settings, expected: expectedOf(run.settings, run.seed, run.inputWidth) }),
      onKeyInUse: (key) => this.#emit({ type: 'keyInUse', key }),
      onFailure: (error) => this.#fail(error),
      onBlock: (round, refused) => this.#block(round, refused),
      onProgress: (key, progress) => this.#emit({ type: 'progress', key, progress }),
      onResult: (key, result) => this.#result(key, result),
      onApplicant: (key) => this.#emit({ type: 'member', key, change: 'waiting' }),
      onMember: (key, change) => {
        this.#emit({ type: 'member', key, change });
        this.#checkFinished();
      },
    });
  }

  async #standings(): Promise<Served> {
    const { ledger } = this.#coordinator;
    const { stake, ledgerRanking, chainVerified } = await describeLedger(ledger);
    const participants = this.#keys().map((key, at) => ({
      key,
      ranking: ledgerRanking[at],
      stake: stake[at],
      result: this.#results.get(key) ?? null,
    }));
    return { chain: ledger.chain, height: ledger.height, head: ledger.head, verified: chainVerified, participants };
  }

  /** Before training begins, all participants have time to join, and to join again. */
  #expected(): readonly PeerKey[] {
    return this.#coordinator?.training === true ? this.#coordinator.members : [];
  }

  #keys(): PeerKey[] {
    return this.#coordinator.ledger.state().weights().keys;
  }

  #block(round: number, refusals: readonly Refusal[]): void {
    const { ledger } = this.#coordinator;
    for (const refusal of refusals) this.#emit({ type: 'refused', ...refusal });
    const { refused: _, ...block } = describeBlock(ledger, new Map(this.#keys().map((key) => [key, key])), round, refusals);
    this.#emit({ type: 'block', hash: ledger.head, ...block });
    this.#rows += block.accepted;
    for (const { key, code } of refusals) this.#rowsRefused.set(`${key} ${code}`, (this.#rowsRefused.get(`${key} ${code}`) ?? 0) + 1);
    const report = this.#coordinator.network.refusals();
    const told = JSON.stringify(report);
    if (told !== this.#told && (report.bySender.length > 0 || Object.keys(report.taskFailures).length > 0)) {
      this.#told = told;
      this.#emit({ type: 'refusals', ...report });
    }
  }

  #result(key: PeerKey, result: unknown): void {
    this.#results.set(key, result);
    this.#emit({ type: 'result', key, result });
    this.#checkFinished();
  }

  /** Those who went away and did not come back are not waited for. */
  #checkFinished(): void {
    if (this.#results.size === 0 || this.#coordinator.members.length > 0) return;
    const { height } = this.#coordinator.ledger;
    if (this.config.run !== undefined && this.#rows === 0) {
      const attempts = [...this.#rowsRefused].map(([what, times]) => ({ what, reason: `refused ${times} times` }));
      this.#fail(new EnvironmentError('BTM_IO', `no row of a participant is in any of the ${height} blocks`, attempts));
      return;
    }
    const told = this.#standings().then((served) => {
      this.#emit({ type: 'finished', ...served });
      if (this.config.once) this.#finish(served);
    });
    told.catch(this.#fail);
  }
}

function openStore(place: string): Promise<Store> | Store {
  return place === ':memory:' ? memoryStore() : sqliteStore(place);
}

async function untilAborted<T>(event: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return event;
  const aborted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new AbortedError('keeping the ledger'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  return Promise.race([event, aborted]);
}

/** The last answers are on their way: closing at once would fail those who wait for them. */
async function goodbye(transport: Libp2pTransport): Promise<void> {
  for (let waited = 0; waited < GOODBYE_MS && transport.connected().length > 0; waited += 100) await sleep(100);
}

/** A keeper of the ledger in a process of its own: serves the chain, lets rounds begin and end, and tells what happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AbortedError } from '../../core/errors.js';
import { memoryStore, type Store, sqliteStore } from '../../ledger/index.js';
import type { Libp2pTransport, PeerKey } from '../../network/index.js';
import type { DemoBlock } from '../demo/result.js';
import { describeBlock, describeLedger } from '../living/books.js';
import { Keeper, type Refusal } from '../living/keeper.js';
import type { PeerProgress } from '../living/messages.js';
import type { KeeperConfig } from './keeper-config.js';
import { openTransport } from './open-transport.js';
import { watchPresence } from './presence.js';

/** What happens at the keeper, as plain data. */
export type ServeEvent =
  | {
      readonly type: 'listening';
      readonly key: PeerKey;
      readonly addresses: readonly string[];
      readonly chain: string;
      readonly height: number;
    }
  | ({ readonly type: 'block'; readonly hash: string } & Omit<DemoBlock, 'refused'>)
  | { readonly type: 'refused'; readonly key: PeerKey; readonly code: string }
  | { readonly type: 'member'; readonly key: PeerKey; readonly change: 'in' | 'out' | 'waiting' }
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
 * @param config from `readKeeperConfig`
 * @param hooks `signal` closes the store and ends it; events
 * @returns the final ranking
 * @throws AbortedError, EnvironmentError without libp2p, SQLite or the port, InputError for a genesis that differs from the store's
 */
export async function serveLedger(config: KeeperConfig, hooks: ServeHooks = {}): Promise<Served> {
  const transport = await openTransport(config);
  try {
    const desk = await Desk.open(transport, config, hooks);
    try {
      const served = await untilAborted(desk.finished, hooks.signal);
      await goodbye(transport);
      return served;
    } finally {
      await desk.close();
    }
  } finally {
    await transport.close(); // an open socket would keep the process alive
  }
}

class Desk {
  /** Everybody who is waited for has delivered; only with `once`. */
  readonly finished: Promise<Served>;
  readonly #results = new Map<PeerKey, unknown>();
  readonly #emit: (event: ServeEvent) => void;
  readonly #stopWatching: () => void;
  #keeper!: Keeper;
  #finish!: (served: Served) => void;
  #fail!: (error: unknown) => void;

  private constructor(
    transport: Libp2pTransport,
    private readonly config: KeeperConfig,
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
      onGone: (key) => this.#keeper.leave(key),
    });
  }

  static async open(transport: Libp2pTransport, config: KeeperConfig, hooks: ServeHooks): Promise<Desk> {
    const desk = new Desk(transport, config, hooks);
    const store = await openStore(config.store);
    try {
      desk.#keeper = await desk.#start(transport, store);
    } catch (error) {
      desk.#stopWatching();
      await store.close();
      throw error;
    }
    const { chain, height } = desk.#keeper.ledger;
    desk.#emit({ type: 'listening', key: transport.self, addresses: transport.addresses(), chain, height });
    return desk;
  }

  async close(): Promise<void> {
    this.#stopWatching();
    await this.#keeper.close();
  }

  #start(transport: Libp2pTransport, store: Store): Promise<Keeper> {
    const { genesis, patience_s, joinPatience_s } = this.config;
    return Keeper.start({
      transport,
      store,
      resumes: true,
      patience_ms: 1000 * patience_s,
      joinPatience_ms: 1000 * joinPatience_s,
      ...(genesis === undefined ? {} : { genesis }),
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
    const { ledger } = this.#keeper;
    const { stake, ledgerRanking, chainVerified } = await describeLedger(ledger);
    const participants = this.#keys().map((key, at) => ({
      key,
      ranking: ledgerRanking[at],
      stake: stake[at],
      result: this.#results.get(key) ?? null,
    }));
    return { chain: ledger.chain, height: ledger.height, head: ledger.head, verified: chainVerified, participants };
  }

  /** While nobody trains yet, everybody has time to come, and to come again. */
  #expected(): readonly PeerKey[] {
    return this.#keeper?.training === true ? this.#keeper.members : [];
  }

  #keys(): PeerKey[] {
    return this.#keeper.ledger.state().weights().keys;
  }

  #block(round: number, refusals: readonly Refusal[]): void {
    const { ledger } = this.#keeper;
    for (const refusal of refusals) this.#emit({ type: 'refused', ...refusal });
    const { refused: _, ...block } = describeBlock(ledger, new Map(this.#keys().map((key) => [key, key])), round, refusals);
    this.#emit({ type: 'block', hash: ledger.head, ...block });
  }

  #result(key: PeerKey, result: unknown): void {
    this.#results.set(key, result);
    this.#emit({ type: 'result', key, result });
    this.#checkFinished();
  }

  /** Those who went away and did not come back are not waited for. */
  #checkFinished(): void {
    if (this.#results.size === 0 || this.#keeper.members.length > 0) return;
    this.#standings().then((served) => {
      this.#emit({ type: 'finished', ...served });
      if (this.config.once) this.#finish(served);
    }, this.#fail);
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

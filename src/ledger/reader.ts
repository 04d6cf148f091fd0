/** What a ledger answers from its closed blocks: state, rankings, rows, blocks, proofs, and the check of all of it. */
import { EnvironmentError, InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import type { PublishedRow } from './audit.js';
import type { Block } from './block.js';
import { checkKey } from './check.js';
import { eventStream, type LedgerEvent } from './events.js';
import type { Processor } from './processor.js';
import { type Proof, proveKey } from './proof.js';
import { readStored, type Verification, verifyStore } from './replay.js';
import type { Settlement } from './settle.js';
import { encodeSnapshot } from './snapshot.js';
import type { State } from './state.js';
import type { Store } from './store/store.js';
import type { PublicKey } from './transaction.js';
import { ROW_PARTS } from './units.js';
import { LedgerView, type RankingView, rankingView } from './view.js';

export interface LedgerSettings {
  readonly store: Store;
  readonly processor: Processor;
  readonly history: number;
}

/** The reading half of a {@link Ledger}; the other half replaces `base` and `headHash` whenever a block is closed. */
export class LedgerReader {
  private readonly listeners = new Set<(event: LedgerEvent) => void>();
  protected readonly past: { readonly before: State; readonly settlement: Settlement }[] = [];
  /** Settles when no block is being closed. */
  protected closing: Promise<unknown> = Promise.resolve();

  constructor(
    protected base: State,
    protected headHash: string,
    protected readonly settings: LedgerSettings,
  ) {}

  /** SHA-256 of the genesis; every transaction names it. */
  get chain(): string {
    return this.base.chain;
  }

  /** Height of the last closed block. */
  get height(): number {
    return this.base.height;
  }

  /** Hash of the last closed block; of the genesis before the first. */
  get head(): string {
    return this.headHash;
  }

  /** The state after the last closed block. */
  state(): LedgerView {
    return new LedgerView(this.base);
  }

  /** Rankings and payments of the blocks in memory (`history` many), oldest first. */
  rankings(): RankingView[] {
    return this.past.map(({ before, settlement }) => rankingView(before, settlement));
  }

  /** Ranking and payment of the last closed block, or undefined before the first. */
  ranking(): RankingView | undefined {
    const last = this.past.at(-1);
    return last === undefined ? undefined : rankingView(last.before, last.settlement);
  }

  /**
   * A participant's row as `auditRow` takes it, with the row that its last change replaced where that is still in memory.
   *
   * @throws InputError BTM_TYPE, and BTM_DOMAIN when the key is not a participant
   */
  published(key: PublicKey): PublishedRow {
    const now = new LedgerView(this.base);
    const person = now.participant(key);
    if (person === undefined) throw new InputError('BTM_DOMAIN', 'is not a participant', { argument: 'key', value: key });
    const keys = now.participants().map((participant) => participant.key);
    const over = (view: LedgerView): number[] => {
      const { targets, weights } = view.row(key);
      const parts = new Map(targets.map((target, at) => [target, weights[at]]));
      return keys.map((target) => parts.get(target) ?? 0);
    };
    const replaced = this.past.find(({ before }) => before.height === person.lastSet - 1)?.before;
    const before = replaced === undefined ? undefined : over(new LedgerView(replaced));
    const complete = before?.reduce((sum, part) => sum + part, 0) === ROW_PARTS;
    return { keys, row: over(now), before: complete ? before : undefined, epsilon: this.base.parameters.epsilon };
  }

  /**
   * A closed block, or undefined where there is none, or none any more.
   *
   * @param height from 1
   * @throws InputError BTM_TYPE, BTM_DOMAIN for what is not a height; EnvironmentError BTM_IO when the block is damaged
   */
  async block(height: number): Promise<Block | undefined> {
    checkInteger('height', height, 0);
    const stored = await this.settings.store.read(height);
    if (stored === undefined) return undefined;
    const block = readStored(stored);
    if (typeof block === 'string')
      throw new EnvironmentError('BTM_IO', `block ${height} in ${this.settings.store.name} is damaged: ${block}`);
    return block;
  }

  /** Replays the store from its genesis and compares every byte; see {@link verifyStore}. */
  async verify(): Promise<Verification> {
    await this.closing;
    return verifyStore(this.settings.store, { processor: this.settings.processor });
  }

  /**
   * Writes the state of the last closed block into the store, so that opening starts there instead of at the genesis.
   *
   * @param options `prune: true` also forgets the blocks before it; what is left is still checked against the state root in its block, but
   *   the history before it can then only be verified from an export made earlier
   * @returns the height of the snapshot
   */
  async snapshot(options: { readonly prune?: boolean } = {}): Promise<number> {
    await this.closing;
    const state = this.base;
    if (state.height === 0) throw new InputError('BTM_DOMAIN', 'has no block yet', { argument: 'ledger', remedy: 'Close a block first.' });
    await this.settings.store.putSnapshot({ height: state.height, bytes: encodeSnapshot(state) }, options.prune ?? false);
    return state.height;
  }

  /** A proof of a key's balance, stake, ranking and row at the head, for `verifyProof`; undefined for a key without account. */
  async prove(key: PublicKey): Promise<Proof | undefined> {
    checkKey('key', key);
    await this.closing;
    const state = this.base;
    const block = await this.block(state.height);
    if (block === undefined) throw new InputError('BTM_DOMAIN', 'has no block yet', { argument: 'ledger', remedy: 'Close a block first.' });
    return proveKey(state, block.header, key);
  }

  /**
   * Blocks and refusals as they happen.
   *
   * @param options a `signal` that ends the stream
   * @example
   * ```ts
   * import { createKey, memoryStore, openLedger, TOKEN } from 'intermodel/ledger';
   *
   * const key = createKey(new Uint8Array(32).fill(7));
   * const ledger = await openLedger({ store: memoryStore(), genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } });
   * const events = ledger.events();
   * await ledger.closeBlock();
   * console.log((await events.next()).value.type); // block
   * ```
   */
  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<LedgerEvent> {
    return eventStream((listener) => this.onEvent(listener), options.signal);
  }

  /** Calls back with every event from now on; returns the function that stops it. */
  onEvent(listener: (event: LedgerEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  protected emit(event: LedgerEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  /** Waits for the block being closed and lets go of the store. The open block is not written. */
  async close(): Promise<void> {
    await this.closing;
    await this.settings.store.close();
  }
}

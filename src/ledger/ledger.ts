/** A ledger in use: takes transactions into the open block, closes blocks into a store, and answers from the state. */
import { EnvironmentError, InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import type { PublishedRow } from './audit.js';
import { type Block, sealBlock } from './block.js';
import { sha256Hex } from './canonical.js';
import { checkKey, checkObject, checkStore } from './check.js';
import { CODES, type Code } from './codes.js';
import { decodeTransaction, encodeTransaction } from './encoding.js';
import { eventStream, type LedgerEvent } from './events.js';
import { chainOf, checkGenesis, decodeGenesis, encodeGenesis, type Genesis } from './genesis.js';
import { type SigningKey, signTransaction } from './keys.js';
import { type Processor, referenceProcessor } from './processor.js';
import { type Proof, proveKey } from './proof.js';
import { genesisOrigin, type Replayed, readStored, replayBlock, snapshotOrigin, type Verification, verifyStore } from './replay.js';
import { stateRoot } from './root.js';
import { type Settlement, settle } from './settle.js';
import { encodeSnapshot } from './snapshot.js';
import { accountOf, nonceOf, type State } from './state.js';
import type { Store, StoredBlock } from './store/store.js';
import { type Action, malformed, type PublicKey, type Transaction } from './transaction.js';
import { closeBlock, transition } from './transition.js';
import { ROW_PARTS } from './units.js';
import { LedgerView, type RankingView, rankingView } from './view.js';

/** The answer to one transaction. */
export interface Receipt {
  readonly code: Code;
  /** What the code means. */
  readonly reason: string;
  /** SHA-256 of the transaction; empty when it was malformed. */
  readonly hash: string;
  /** The block it is in, or would have been in. */
  readonly height: number;
}

/** The answer to a transaction whose block was closed: with code `ok`, `height` and `blockHash` are those of the block that contains it. */
export interface Settled extends Receipt {
  /** Hash of the block; null when the transaction was refused. */
  readonly blockHash: string | null;
}

/** Where an awaited transaction is: nowhere yet, in a block, or refused after a lost race. */
type Outcome = { block?: Block; code?: Code };

/** Conflicts in a row without a new block to explain them, before the store is taken to be at fault. */
const IDLE_MAX = 100;

/** Races that one transaction may lose before its writer is told so. */
const RACES_MAX = 1000;

interface Draft {
  readonly state: State;
  readonly settlement: Settlement;
  /** Encoded, so that an accepted one cannot be changed. */
  readonly transactions: Uint8Array[];
}

function stuck(store: string, height: number): EnvironmentError {
  return new EnvironmentError(
    'BTM_IO',
    `${store} refuses block ${height}, but has no other in its place`,
    [],
    ['Check that all writers use the same store, and run `intermodel ledger verify` on it.'],
  );
}

export interface LedgerSettings {
  readonly store: Store;
  readonly processor: Processor;
  readonly history: number;
}

export class Ledger {
  private draft: Draft | undefined;
  private readonly past: { readonly before: State; readonly settlement: Settlement }[] = [];
  private readonly listeners = new Set<(event: LedgerEvent) => void>();
  /** Transactions that somebody waits for, by hash: where they ended up. */
  private readonly awaited = new Map<string, Outcome>();
  private closing: Promise<unknown> = Promise.resolve();

  constructor(
    private base: State,
    private headHash: string,
    private readonly settings: LedgerSettings,
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

  /**
   * Applies a transaction to the open block, or refuses it. Accepted ones become durable when the block closes.
   *
   * @param tx a signed transaction
   * @returns the code of the closed list, `ok` when it was accepted
   * @example
   * ```ts
   * import { createKey, memoryStore, openLedger, signTransaction, TOKEN } from 'intermodel/ledger';
   *
   * const key = createKey(new Uint8Array(32).fill(7));
   * const ledger = await openLedger({ store: memoryStore(), genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } });
   * const tx = signTransaction({ kind: 'unbond', amount: TOKEN, chain: ledger.chain, from: key.publicKey, nonce: 0 }, key);
   * console.log(ledger.submit(tx).code); // ok
   * ```
   */
  submit(tx: Transaction): Receipt {
    const draft = this.open();
    const outcome = transition(draft.state, tx, draft.state.height);
    const height = draft.state.height;
    const bytes = outcome.code === 'malformed' ? undefined : encodeTransaction(tx);
    const hash = bytes === undefined ? '' : sha256Hex(bytes);
    if (bytes !== undefined && outcome.code === 'ok') {
      draft.transactions.push(bytes);
      this.draft = { ...draft, state: outcome.state };
    } else this.emit({ type: 'rejected', height, code: outcome.code, hash });
    return { code: outcome.code, reason: CODES[outcome.code], hash, height };
  }

  /**
   * Signs an action with the sender's next nonce and submits it.
   *
   * @param key the sender
   * @param action what to do; one that is malformed is refused with that code, and the reason says what is wrong with it
   * @returns as {@link submit}
   * @throws InputError BTM_TYPE for a key that is none
   * @example
   * ```ts
   * import { createKey, memoryStore, openLedger, TOKEN } from 'intermodel/ledger';
   *
   * const key = createKey(new Uint8Array(32).fill(7));
   * const store = memoryStore();
   * const ledger = await openLedger({ store, genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } });
   * console.log(ledger.submitAction(key, { kind: 'bond', amount: 5n }).code); // insufficient_balance
   * ```
   */
  submitAction(key: SigningKey, action: Action): Receipt {
    const from = checkKey('key.publicKey', (checkObject('key', key) as SigningKey).publicKey);
    const { state } = this.open();
    const account = accountOf(state, from);
    const nonce = account === undefined ? 0 : nonceOf(state, account);
    const unsigned = { ...action, chain: this.chain, from, nonce };
    const wrong = malformed({ ...unsigned, signature: '0'.repeat(128) });
    if (wrong === undefined) return this.submit(signTransaction(unsigned, key));
    this.emit({ type: 'rejected', height: state.height, code: 'malformed', hash: '' });
    return { code: 'malformed', reason: `${CODES.malformed}: ${wrong}`, hash: '', height: state.height };
  }

  /**
   * Signs an action, puts it into a block and waits until that block is durable. When other writers close blocks first, the action is signed
   * again with the next nonce or refused by a guard that holds by then; two writers who ask for the same thing are both served. Calls at the same
   * time share a block. After an error of the store the action may still be in the open block, or even in the chain: look before you repeat it.
   *
   * @param key the sender
   * @param action what to do
   * @returns code `ok` with the height and hash of the block that contains it, or the code of the guard that refused it
   * @throws EnvironmentError BTM_IO when the store fails, or other writers were faster a thousand times
   * @cost one block, unless a call beside it closes one that takes both
   * @example
   * ```ts
   * import { createKey, memoryStore, openLedger, TOKEN } from 'intermodel/ledger';
   *
   * const key = createKey(new Uint8Array(32).fill(7));
   * const store = memoryStore();
   * const ledger = await openLedger({ store, genesis: { participants: [{ key: key.publicKey, stake: 5n * TOKEN }] } });
   * const { code, height } = await ledger.submitAndClose(key, { kind: 'unbond', amount: TOKEN });
   * console.log(code, height); // ok 1
   * ```
   */
  async submitAndClose(key: SigningKey, action: Action): Promise<Settled> {
    for (let race = 0; race < RACES_MAX; race++) {
      const receipt = this.submitAction(key, action);
      if (receipt.code !== 'ok') return { ...receipt, blockHash: null };
      const { block, code = 'ok' } = await this.closeWith(receipt.hash);
      if (block !== undefined) return { ...receipt, height: block.height, blockHash: block.hash };
      if (code !== 'replayed' && code !== 'nonce_gap') {
        return { ...receipt, code, reason: CODES[code], height: this.height + 1, blockHash: null };
      }
    }
    throw new EnvironmentError(
      'BTM_IO',
      `${this.settings.store.name}: other writers were faster ${RACES_MAX} times`,
      [],
      ['Submit through one writer, for instance `intermodel ledger serve`, or try again when there are fewer.'],
    );
  }

  /** Closes blocks until an open transaction is in one, or a block of another writer made a guard refuse it. */
  private async closeWith(hash: string): Promise<Outcome> {
    const outcome: Outcome = {};
    this.awaited.set(hash, outcome);
    const done = this.closing.then(() => this.append(() => outcome.block === undefined && outcome.code === undefined));
    this.closing = done.catch(() => undefined);
    try {
      await done;
      return outcome;
    } finally {
      this.awaited.delete(hash);
    }
  }

  /**
   * Closes the open block, also when it is empty: every block settles. Resolves when the store has it for good. If another writer was
   * faster, takes over its blocks, applies the open transactions again and tries the next height; those no longer admissible are
   * reported as `rejected` events.
   */
  closeBlock(): Promise<Block> {
    const closed = this.closing.then(() => this.append(() => true)) as Promise<Block>;
    this.closing = closed.catch(() => undefined);
    return closed;
  }

  /** Appends the open block, or nothing once it is no longer wanted. */
  private async append(wanted: () => boolean): Promise<Block | undefined> {
    for (let idle = 0; wanted(); ) {
      const draft = this.open();
      const next = closeBlock(draft.state);
      const block = sealBlock({
        chain: this.chain,
        height: next.height,
        previous: this.headHash,
        transactions: draft.transactions.slice(),
        stateRoot: stateRoot(next),
        minted: draft.settlement.minted,
        supply: next.supply,
      });
      const outcome = await this.settings.store.append(this.base.height, block);
      if (outcome !== 'conflict') {
        if (this.awaited.size > 0) for (const bytes of block.transactions) this.tell(sha256Hex(bytes), outcome, block);
        const late = (this.draft?.transactions ?? []).slice(block.transactions.length);
        this.advance(next, block, draft.settlement);
        this.draft = undefined;
        this.resubmit(late);
        return block;
      }
      idle = (await this.catchUp()) === 0 ? idle + 1 : 0;
      if (idle === IDLE_MAX) throw stuck(this.settings.store.name, block.height);
    }
    return undefined;
  }

  /** Takes over blocks that other writers appended to the store, and applies the open transactions again on top; returns how many. */
  private async catchUp(): Promise<number> {
    const head = await this.settings.store.head();
    const taken: (Replayed & { readonly block: Block })[] = [];
    let base = this.base;
    let previous = this.headHash;
    for (let height = base.height + 1; height <= head.height; height++) {
      const stored = await this.settings.store.read(height);
      const block = stored === undefined ? 'the store has no such block' : readStored(stored);
      const result = typeof block === 'string' ? block : replayBlock(base, previous, block, this.settings.processor);
      if (typeof block === 'string' || typeof result === 'string') {
        throw new EnvironmentError(
          'BTM_IO',
          `block ${height} in ${this.settings.store.name} does not verify: ${String(result)}`,
          [],
          ['Run `intermodel ledger verify` on the store, and restore it from an export or a replica.'],
        );
      }
      taken.push({ ...result, block });
      base = result.state;
      previous = block.hash;
    }
    // From here on nothing waits, so no transaction can slip in between the old base and the new one.
    const open = this.draft?.transactions ?? [];
    for (const { state, block, settlement } of taken) this.advance(state, block, settlement);
    this.draft = undefined;
    this.resubmit(open);
    return taken.length;
  }

  /**
   * Appends a block made elsewhere, after replaying it against the rules: how an export is read in.
   *
   * @throws EnvironmentError BTM_IO when the block does not follow the head, or does not replay to the byte
   */
  adopt(stored: StoredBlock): Promise<void> {
    const done = this.closing.then(async () => {
      const block = readStored(stored);
      const result = typeof block === 'string' ? block : replayBlock(this.base, this.headHash, block, this.settings.processor);
      if (typeof block === 'string' || typeof result === 'string') {
        throw new EnvironmentError('BTM_IO', `block ${stored.height} does not verify: ${String(result)}`);
      }
      const outcome = await this.settings.store.append(this.base.height, block);
      if (outcome === 'conflict')
        throw new EnvironmentError('BTM_IO', `${this.settings.store.name} has other blocks at height ${stored.height}`);
      this.advance(result.state, block, result.settlement);
      this.draft = undefined;
    });
    this.closing = done.catch(() => undefined);
    return done;
  }

  /** Follows a store that other writers append to. Open transactions are applied again on top. @returns number of blocks taken over */
  refresh(): Promise<number> {
    const done = this.closing.then(() => this.catchUp());
    this.closing = done.catch(() => undefined);
    return done;
  }

  private resubmit(transactions: readonly Uint8Array[]): void {
    for (const bytes of transactions) {
      const { code, hash } = this.submit(decodeTransaction(bytes) as Transaction);
      const outcome = this.awaited.get(hash);
      if (code !== 'ok' && outcome !== undefined && outcome.block === undefined) outcome.code = code;
    }
  }

  private advance(next: State, block: Block, settlement: Settlement): void {
    this.past.push({ before: this.base, settlement });
    if (this.past.length > this.settings.history) this.past.shift();
    this.base = next;
    this.headHash = block.hash;
    const { height, hash, transactions, minted, supply } = block;
    this.emit({ type: 'block', height, hash, transactions: transactions.length, minted, supply, stateRoot: block.stateRoot });
  }

  /** A block that was there before is another writer's, with its own request for the same thing: this one is still to come. */
  private tell(transaction: string, appended: 'appended' | 'exists', block: Block): void {
    const outcome = this.awaited.get(transaction);
    if (outcome === undefined) return;
    if (appended === 'appended') outcome.block = block;
    else outcome.code = 'replayed';
  }

  private open(): Draft {
    if (this.draft === undefined) {
      const { state, settlement } = settle(this.base, this.settings.processor);
      this.draft = { state, settlement, transactions: [] };
    }
    return this.draft;
  }

  /** The state after the last closed block. */
  state(): LedgerView {
    return new LedgerView(this.base);
  }

  /** The state inside the open block: settled, with the transactions accepted so far. */
  pending(): LedgerView {
    return new LedgerView(this.open().state);
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

  private emit(event: LedgerEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  /** Waits for the block being closed and lets go of the store. The open block is not written. */
  async close(): Promise<void> {
    await this.closing;
    await this.settings.store.close();
  }
}

export interface OpenOptions {
  /** Where the blocks are kept. */
  readonly store: Store;
  /** Needed by an empty store; where the store has one already, it must be the same. */
  readonly genesis?: Genesis;
  /** The same as bytes, from an export; `genesis` is then not needed. */
  readonly genesisBytes?: Uint8Array;
  /** Who does the heavy passes of a settlement; the state does not depend on it. */
  readonly processor?: Processor;
  /** Settlements kept in memory for {@link Ledger.rankings}; default 1,024. */
  readonly history?: number;
}

/** Opens a ledger on a store, replaying what is in it. */
export async function openOnStore(options: OpenOptions): Promise<Ledger> {
  const { store, processor = referenceProcessor, history = 1024 } = options;
  checkStore(store);
  checkInteger('history', history, 0);
  if (options.genesis !== undefined) checkGenesis(options.genesis);
  const given = options.genesisBytes ?? (options.genesis === undefined ? undefined : encodeGenesis(options.genesis));
  let bytes = await store.genesis();
  if (bytes === undefined) {
    if (given === undefined) {
      throw new InputError('BTM_TYPE', 'is needed: the store is empty', {
        argument: 'genesis',
        remedy: 'Pass the genesis, or open a store that has one.',
      });
    }
    checkGenesis(decodeGenesis(given));
    bytes = (await store.begin(given, chainOf(given))) === 'conflict' ? ((await store.genesis()) as Uint8Array) : given;
  }
  const chain = chainOf(bytes);
  if (given !== undefined && chainOf(given) !== chain) {
    throw new InputError('BTM_DOMAIN', 'differs from the genesis in the store', {
      argument: 'genesis',
      remedy: 'Leave it out, or use another store.',
    });
  }
  const origin = (await snapshotOrigin(store, chain)) ?? genesisOrigin(bytes);
  if (typeof origin === 'string')
    throw new EnvironmentError('BTM_IO', `${store.name}: ${origin}`, [], ['Restore the store from an export or a replica.']);
  const ledger = new Ledger(origin.state, origin.hash, { store, processor, history });
  await ledger.refresh();
  return ledger;
}

/** A ledger in use: takes transactions into the open block, closes blocks into a store, and answers from the state. */
import { EnvironmentError } from '../core/errors.js';
import { type Block, sealBlock } from './block.js';
import { sha256Hex } from './canonical.js';
import { checkKey, checkObject } from './check.js';
import { CODES, type Code } from './codes.js';
import { decodeTransaction, encodeTransaction } from './encoding.js';
import { type SigningKey, signTransaction } from './keys.js';
import { LedgerReader } from './reader.js';
import type { Receipt, Settled } from './receipt.js';
import { type Replayed, readStored, replayBlock } from './replay.js';
import { stateRoot } from './root.js';
import { type Settlement, settle } from './settle.js';
import { accountOf, nonceOf, type State } from './state.js';
import type { StoredBlock } from './store/store.js';
import { type Action, malformed, type Transaction } from './transaction.js';
import { closeBlock, transition } from './transition.js';
import { LedgerView } from './view.js';

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

/** A ledger in use. What it answers from its closed blocks is in {@link LedgerReader}. */
export class Ledger extends LedgerReader {
  private draft: Draft | undefined;
  /** Transactions that a caller waits for, by hash: where they are now. */
  private readonly awaited = new Map<string, Outcome>();

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
    try {
      await this.inTurn(() => this.append(() => outcome.block === undefined && outcome.code === undefined));
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
    return this.inTurn(() => this.append(() => true)) as Promise<Block>;
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
    return this.inTurn(async () => {
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
  }

  /** Follows a store that other writers append to. Open transactions are applied again on top. @returns number of blocks taken over */
  refresh(): Promise<number> {
    return this.inTurn(() => this.catchUp());
  }

  /** Runs after all that writes blocks or takes them over now. A failure is told to its caller, and does not stop the next. */
  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.closing.then(task);
    this.closing = done.catch(() => undefined); // told to the caller of `done`
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

  /** The state inside the open block: settled, with the transactions accepted so far. */
  pending(): LedgerView {
    return new LedgerView(this.open().state);
  }
}

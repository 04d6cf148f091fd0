/** A participant's side of the ledger: a replica that it replays and checks itself, rows submitted in bounded steps, and the mask that follows. */
import { randomBytes } from 'node:crypto';
import type { Backend } from '../backend/index.js';
import { competitionMask } from '../competition.js';
import { EnvironmentError } from '../core/errors.js';
import { encodeTransaction } from '../ledger/encoding.js';
import { type Action, boundedStep, type Ledger, ROW_PARTS, rowToParts, type SigningKey, signTransaction, TOKEN } from '../ledger/index.js';
import { type Clock, Network, type PeerKey, type Transport } from '../network/index.js';
import { reportedScores } from '../participant/measure.js';
import { HeadExchange } from './head-exchange.js';
import { HeadWatch } from './head-watch.js';
import {
  ask,
  type Barrier,
  type BarrierAnswer,
  CALL,
  type Hello,
  type HelloAnswer,
  type PeerProgress,
  type RejoinAnswer,
  RUN_PROTOCOL,
  type Waiting,
} from './protocol.js';
import { type AgreedHeight, openReplica, RecentBlocks } from './replica.js';
import { RowBook, type RowsWritten } from './row-book.js';

/** What a ledger is reached through. */
export interface LedgerClientOptions {
  readonly transport: Transport;
  readonly coordinator: PeerKey;
  readonly key: SigningKey;
  /** Of the competition mask, in tokens. */
  readonly temperature: number;
  readonly backend: Backend;
  /** What to do while the coordinator does not answer, for instance because it is being started again. Default: fail at once. */
  readonly waiting?: Waiting;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Whether the coordinator has to sign its heads, so that it can be held to them. Default false: it shares this process. */
  readonly signedHeads?: boolean;
}

/** A place among the participants of the run: the slot that was held when it began, by whichever key holds it since. */
interface Place {
  readonly slot: number;
  readonly registeredAt: number;
  key: PeerKey;
  /** Whether the participant is still on the ledger. */
  held: boolean;
}

export class LedgerClient {
  readonly #places: readonly Place[];
  readonly #session = randomBytes(16).toString('hex');
  readonly #watch: HeadWatch;
  /** What other members were shown of this ledger. */
  readonly heads: HeadExchange;
  #members: number;
  /** Height up to which accepted rows are counted. */
  #counted: number;
  /** Height that all members were told last. The next barrier is named by it, and no one reads further: another writer may have closed blocks since. */
  readonly #agreed: AgreedHeight;
  readonly #rows = new RowBook();

  private constructor(
    private readonly options: LedgerClientOptions,
    private readonly network: Network,
    private readonly replica: Ledger,
    recent: RecentBlocks,
    agreed: AgreedHeight,
  ) {
    this.#agreed = agreed;
    this.#watch = new HeadWatch(options.coordinator);
    this.heads = new HeadExchange({ watch: this.#watch, recent, shareOf: (keys) => this.#shareOf(keys) });
    const state = replica.state();
    const held = state.participants().sort((a, b) => a.slot - b.slot);
    this.#places = held.map(({ slot, registeredAt, key }) => ({ slot, registeredAt, key, held: true }));
    this.#members = state.members;
    this.#counted = state.height;
  }

  /** @throws EnvironmentError BTM_IO when the coordinator is silent or serves a block that does not verify */
  static async open(options: LedgerClientOptions): Promise<LedgerClient> {
    const { transport, coordinator, waiting, clock } = options;
    const network = new Network({ transport, ...(clock === undefined ? {} : { clock }) }); // asks the coordinator alone, so its books are apart from those of the peers
    const [recent, agreed] = [new RecentBlocks(), { height: Number.POSITIVE_INFINITY }];
    const replica = await openReplica(network, coordinator, { waiting, recent, agreed });
    agreed.height = replica.height;
    return new LedgerClient(options, network, replica, recent, agreed);
  }

  /** SHA-256 of the genesis: which ledger it is. */
  get id(): string {
    return this.replica.chain;
  }

  get height(): number {
    return this.replica.height;
  }

  /** Takes up the head that was seen before a restart, and compares it with the ledger as it is now. @throws ForkError */
  async recall(head: unknown): Promise<void> {
    this.#watch.remember(head, this.id);
    await this.#checkHead();
  }

  /** Participants of the run in the order of the ledger as it began. One that left keeps its place; one that changed its key has the new one. */
  keys(): PeerKey[] {
    return this.#places.map(({ key }) => key);
  }

  /** Whether the participant of each place is still on the ledger. */
  held(): boolean[] {
    return this.#places.map(({ held }) => held);
  }

  /** Rows that this participant wrote, and what became of them. */
  get rows(): RowsWritten {
    return this.#rows.counts;
  }

  /** @throws EnvironmentError BTM_IO when none of the rows of this participant reached the ledger */
  checkRowsArrived(name: string): void {
    this.#rows.checkArrived(name);
  }

  /**
   * Says which process this is, and what has to be equal in all.
   * @throws EnvironmentError naming what differs, or when another process uses this key
   */
  async hello(hello: Pick<Hello, 'settings' | 'inputWidth' | 'width'>): Promise<void> {
    const { height } = await this.#ask<HelloAnswer>(CALL.hello, { ...hello, protocol: RUN_PROTOCOL });
    this.#agreed.height = height;
  }

  /** Where they can be reached, as they wrote it on the ledger; empty where they have not. */
  endpoints(): Map<PeerKey, string> {
    return new Map(
      this.replica
        .state()
        .participants()
        .map(({ key, endpoint }) => [key, endpoint]),
    );
  }

  /** Stake in base units, as the ledger counts it. */
  stakeOf(key: PeerKey): bigint {
    return this.replica.state().stake(key);
  }

  /** How useful a peer is to this participant: its part of the own row as it stands on the ledger; 0 for one that is not on it. */
  worthOf(key: PeerKey): number {
    const state = this.replica.state();
    const peer = state.participant(key);
    return peer === undefined ? 0 : state.denseRow(this.options.key.publicKey)[peer.slot];
  }

  /** W and S of the participants of the run as they stand: `[n, n]` on the simplex, `[n]` in tokens. A place that is no longer held has no stake and rates itself. */
  weightsAndStake(): { weights: Float64Array; stake: Float64Array } {
    const state = this.replica.state();
    const n = this.#places.length;
    const stake = Float64Array.from(this.#places, ({ key, held }) => (held ? Number(state.stake(key)) / Number(TOKEN) : 0));
    const { keys, parts } = state.weights();
    if (keys.length === n && this.#places.every(({ key, held }, at) => held && keys[at] === key)) {
      return { weights: Float64Array.from(parts, (part) => part / ROW_PARTS), stake };
    }
    const at = new Map(keys.map((key, position) => [key, position]));
    const weights = new Float64Array(n * n);
    for (const [rater, place] of this.#places.entries()) {
      const row = this.#places.map(({ key, held }) =>
        place.held && held ? parts[(at.get(place.key) ?? 0) * keys.length + (at.get(key) ?? 0)] : 0,
      );
      const total = row.reduce((sum, part) => sum + part, 0);
      for (const [ranked, part] of row.entries()) weights[rater * n + ranked] = total > 0 ? part / total : Number(ranked === rater);
    }
    return { weights, stake };
  }

  /** The competition mask (7) of the current weights and stake, `[n, n]`; 0 for those that are no longer on the ledger. */
  mask(): Float64Array {
    const { temperature, backend } = this.options;
    const n = this.#places.length;
    const { mask } = competitionMask({ ...this.weightsAndStake(), temperature, n, backend });
    for (const [peer, { held }] of this.#places.entries()) {
      if (!held) for (let rater = 0; rater < n; rater++) mask[rater * n + peer] = 0;
    }
    return mask;
  }

  /** A bounded step of the own row towards what it reports of these scores, one per place. */
  async submitRow(scores: Float64Array): Promise<void> {
    const state = this.replica.state();
    const held = this.#places.flatMap((place, peer) => (place.held ? [{ slot: place.slot, score: scores[peer] }] : []));
    const reported = reportedScores(Float64Array.from(held, ({ score }) => score));
    const wanted = new Float64Array(state.slots);
    for (const [k, { slot }] of held.entries()) wanted[slot] = reported[k];
    const current = state.denseRow(this.options.key.publicKey);
    const weights = boundedStep(current, rowToParts(wanted), state.parameters.epsilon);
    this.#rows.submitted(await this.#submit({ kind: 'setWeights', row: { members: state.members, weights } }));
  }

  /** Writes down where the participant can be reached; known with the next block. */
  async submitEndpoint(endpoint: string): Promise<void> {
    await this.#submit({ kind: 'setEndpoint', endpoint });
  }

  /** Waits for all members. False when they continued without this one. */
  async barrier(barrier: Barrier): Promise<boolean> {
    for (;;) {
      const { done, out, height } = await this.#ask<BarrierAnswer>(CALL.barrier, barrier);
      if (out) return false;
      this.#agreed.height = height;
      if (done) return true;
    }
  }

  /** Waits for the next block and replays it. False when the others went on without this one. */
  async block(round: number): Promise<boolean> {
    const height = this.#agreed.height + 1;
    const together = await this.barrier({ kind: 'block', round, height });
    await this.#refresh();
    if (together && this.height < height)
      throw new EnvironmentError('BTM_IO', `the coordinator opened the barrier of block ${height} without a block`);
    return together;
  }

  /** Waits to be let in by those that are training; returns the round after which all continue. @throws EnvironmentError when they are done */
  async rejoin(round: number): Promise<number> {
    for (;;) {
      const answer = await this.#ask<RejoinAnswer>(CALL.rejoin, { round });
      if (answer.over) throw new EnvironmentError('BTM_IO', 'the others have finished: no participant is left to train with');
      if (answer.round === null) continue;
      this.#agreed.height = answer.height;
      await this.#refresh();
      return answer.round;
    }
  }

  /** Progress is a courtesy: what matters fails on its own. */
  async tell(progress: PeerProgress): Promise<void> {
    await this.#ask(CALL.progress, progress).catch(() => undefined);
  }

  /** Hands over what it measured. */
  async deliver(result: unknown): Promise<void> {
    await this.#ask(CALL.result, { result });
  }

  /** Takes over new blocks, and who holds which place since. @throws EnvironmentError when this participant is no longer on the ledger */
  async #refresh(): Promise<void> {
    const counted = this.#counted;
    try {
      await this.replica.refresh();
    } catch (error) {
      await this.#checkHead(); // a block that does not follow may be that of another history: then this says so
      throw error;
    }
    await this.#checkHead();
    const state = this.replica.state();
    const own = state.participant(this.options.key.publicKey);
    this.#counted = state.height;
    if (state.height > counted) this.#rows.closed((own?.lastSet ?? 0) > counted);
    if (state.members === this.#members) return;
    this.#members = state.members;
    const bySlot = new Map(state.participants().map((participant) => [participant.slot, participant]));
    for (const place of this.#places) {
      const holder = bySlot.get(place.slot);
      place.held = holder?.registeredAt === place.registeredAt;
      if (place.held) place.key = holder?.key ?? place.key;
    }
    if (own !== undefined) return;
    const cure = 'start it again with the key that is on the ledger';
    const problem = 'the key of this participant is no longer on the ledger: it has left, or changed its key';
    throw new EnvironmentError('BTM_IO', problem, [], [cure]);
  }

  #shareOf(keys: readonly PeerKey[]): number {
    const state = this.replica.state();
    const sum = (held: readonly PeerKey[]) => Number(held.reduce((total, key) => total + state.stake(key), 0n));
    return sum(keys) / sum(state.participants().map(({ key }) => key));
  }

  async #checkHead(): Promise<void> {
    if (this.options.signedHeads !== true) return;
    const told = await this.#ask(CALL.head, null);
    await this.#watch.take(told, this.replica, async (height) => (await this.replica.block(height))?.header);
  }

  async #submit(action: Action): Promise<string> {
    const { key } = this.options;
    const nonce = this.replica.state().nonce(key.publicKey);
    const tx = signTransaction({ ...action, chain: this.replica.chain, from: key.publicKey, nonce }, key);
    return this.#ask<string>(CALL.submit, encodeTransaction(tx));
  }

  #ask<T>(method: string, value: unknown): Promise<T> {
    const named = method.startsWith('run/') ? { ...(value as object), session: this.#session } : value;
    return ask(this.network, this.options.coordinator, method, named, this.options.waiting);
  }
}

/** A participant's side of the ledger: a replica that it replays and checks itself, rows submitted in bounded steps, and the mask that follows. */
import type { Backend } from '../backend/index.js';
import { competitionMask } from '../competition.js';
import { EnvironmentError } from '../core/errors.js';
import { encodeTransaction } from '../ledger/encoding.js';
import { type Action, boundedStep, type Ledger, ROW_PARTS, rowToParts, type SigningKey, signTransaction, TOKEN } from '../ledger/index.js';
import { Network, type PeerKey, type Transport } from '../network/index.js';
import { ask, type Barrier, type BarrierAnswer, CALL, type PeerProgress, type RejoinAnswer, type Waiting } from './protocol.js';
import { openReplica } from './replica.js';

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
}

export class LedgerClient {
  private constructor(
    private readonly options: LedgerClientOptions,
    private readonly network: Network,
    private readonly replica: Ledger,
  ) {}

  /** @throws EnvironmentError BTM_IO when the coordinator is silent or serves a block that does not verify */
  static async open(options: LedgerClientOptions): Promise<LedgerClient> {
    const network = new Network({ transport: options.transport }); // asks the coordinator alone, so its books are apart from those of the peers
    return new LedgerClient(options, network, await openReplica(network, options.coordinator, options.waiting));
  }

  /** SHA-256 of the genesis: which ledger it is. */
  get id(): string {
    return this.replica.chain;
  }

  get height(): number {
    return this.replica.height;
  }

  /** Participants in the order of the ledger. */
  keys(): PeerKey[] {
    return this.replica.state().weights().keys;
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

  /** W and S as they stand: `[n, n]` on the simplex, `[n]` in tokens. */
  market(): { weights: Float64Array; stake: Float64Array } {
    const state = this.replica.state();
    return {
      weights: Float64Array.from(state.weights().parts, (part) => part / ROW_PARTS),
      stake: Float64Array.from(this.keys(), (key) => Number(state.stake(key)) / Number(TOKEN)),
    };
  }

  /** The competition mask (7) of the current weights and stake, `[n, n]`. */
  mask(): Float64Array {
    const { temperature, backend } = this.options;
    return competitionMask({ ...this.market(), temperature, n: this.keys().length, backend }).mask;
  }

  /** A bounded step of the own row towards its share of these scores; negative estimates count as nothing. */
  async submitRow(scores: Float64Array): Promise<void> {
    const positive = scores.map((score) => Math.max(0, score));
    if (!positive.some((score) => score > 0)) return; // nothing to say: the row stays
    const state = this.replica.state();
    const current = state.denseRow(this.options.key.publicKey);
    const weights = boundedStep(current, rowToParts(positive), state.parameters.epsilon);
    await this.#submit({ kind: 'setWeights', row: { members: state.members, weights } });
  }

  /** Tells everybody where the participant can be reached; known with the next block. */
  submitEndpoint(endpoint: string): Promise<void> {
    return this.#submit({ kind: 'setEndpoint', endpoint });
  }

  /** Waits for all members. False when they continued without this one. */
  async barrier(barrier: Barrier): Promise<boolean> {
    for (;;) {
      const { done, out } = await this.#ask<BarrierAnswer>(CALL.barrier, barrier);
      if (out) return false;
      if (done) return true;
    }
  }

  /** Waits for the next block and replays it. False when the others went on without this one. */
  async block(round: number): Promise<boolean> {
    const together = await this.barrier({ kind: 'block', round, height: this.height + 1 });
    await this.replica.refresh();
    return together;
  }

  /** Waits to be let in by those that are training; returns the round after which all go on. @throws EnvironmentError when they are done */
  async rejoin(round: number): Promise<number> {
    for (;;) {
      const answer = await this.#ask<RejoinAnswer>(CALL.rejoin, { round });
      if (answer.over) throw new EnvironmentError('BTM_IO', 'the others have finished: there is nobody left to train with');
      if (answer.round === null) continue;
      await this.replica.refresh();
      return answer.round;
    }
  }

  /** Progress is a courtesy: what matters fails on its own. */
  async tell(progress: PeerProgress): Promise<void> {
    await this.#ask(CALL.progress, progress).catch(() => undefined);
  }

  /** Hands over what it measured. */
  async deliver(result: unknown): Promise<void> {
    await this.#ask(CALL.result, result);
  }

  async #submit(action: Action): Promise<void> {
    const { key } = this.options;
    const nonce = this.replica.state().nonce(key.publicKey);
    const tx = signTransaction({ ...action, chain: this.replica.chain, from: key.publicKey, nonce }, key);
    await this.#ask(CALL.submit, encodeTransaction(tx));
  }

  #ask<T>(method: string, value: unknown): Promise<T> {
    return ask(this.network, this.options.coordinator, method, value, this.options.waiting);
  }
}

/** Keeps the ledger of a run: takes transactions, closes a block when all participants are ready, serves the chain to replicas, and lets late ones in. */
import { encode } from 'cborg';
import { type Genesis, type Ledger, openLedger, type SigningKey, type Store, signHead } from '../ledger/index.js';
import { type Clock, type HandlerContext, Network, type PeerKey, systemClock, type Transport } from '../network/index.js';
import { Membership, type MembershipOptions } from './membership.js';
import { readBarrier, readBytes, readHeight, readHello, readProgress, readRejoin, readResult, sessionOf } from './messages.js';
import { OpenBlock, type Refusal } from './open-block.js';
import {
  type Barrier,
  type BarrierAnswer,
  CALL,
  type HelloAnswer,
  type PeerProgress,
  type RefusedAnswer,
  type RejoinAnswer,
  type RejoinRequest,
} from './protocol.js';
import { type CallName, type CoordinatorPhase, refusedByRule } from './rules.js';
import { blocksDue, isScheduled, type RunSchedule } from './schedule.js';
import { type Expected, Sessions } from './sessions.js';
import { MessageError, readValue } from './value.js';

/** How a coordinator starts. */
export interface CoordinatorOptions {
  readonly transport: Transport;
  readonly store: Store;
  /** Left out: the store has one. */
  readonly genesis?: Genesis;
  /** Barriers wait this long for those that have not come; whoever misses one is out until it rejoins. Default 2 minutes. */
  readonly patience_ms?: number;
  /** The same for the first barrier, while participants are still being started. Default: patience_ms. */
  readonly joinPatience_ms?: number;
  /** Whether all may go before anybody has finished, and come back later. Default false: then it is over. */
  readonly resumes?: boolean;
  /** A block could not be closed, for instance because the disk is full: the run cannot continue. */
  readonly onFailure: (error: unknown) => void;
  /** A block was closed. The run waits at this block for as long as the promise does. */
  readonly onBlock?: (round: number, refused: readonly Refusal[]) => unknown;
  readonly onProgress?: (peer: PeerKey, progress: PeerProgress) => void;
  readonly onResult?: (peer: PeerKey, result: unknown) => void;
  /** A participant is no longer waited for, or is again. */
  readonly onMember?: (peer: PeerKey, event: 'out' | 'in') => void;
  /** A participant came late, or back, and waits to be let in. */
  readonly onApplicant?: (peer: PeerKey) => void;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Signs the heads of the ledger, so that participants can hold it to them. Left out: heads are not signed. */
  readonly key?: SigningKey;
  /** Which barriers the run has: what closes a block follows from it. Left out: any barrier of the next block. */
  readonly schedule?: RunSchedule;
  /** What has to be equal in all participants. Left out: they need not say it. */
  readonly expected?: Expected;
  /** A second process came with a key that is in use; both are told. */
  readonly onKeyInUse?: (peer: PeerKey) => void;
}

/** One long poll lasts at most this long; the caller then asks again. */
const POLL_MS = 10_000;

/**
 * Keeps the ledger of a run and orders its transactions: participants submit to it, wait at its barriers, and replay its blocks. It computes none of their scores.
 *
 * A replica detects a block that does not follow from its transactions; a transaction that the coordinator left out cannot be detected.
 */
export class Coordinator {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly #options: CoordinatorOptions;
  readonly #membership: Membership;
  readonly #sessions: Sessions;
  readonly #block: OpenBlock;
  /** Messages since the last block, by kind and sender. */
  readonly #sent = new Map<string, number>();

  private constructor(options: CoordinatorOptions, ledger: Ledger) {
    this.#options = options;
    this.ledger = ledger;
    this.#block = new OpenBlock(ledger);
    this.#membership = new Membership(this.#membershipOptions());
    this.#sessions = new Sessions(options.clock ?? systemClock, options.expected);
    this.network = new Network({
      transport: options.transport,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      service: {
        stakeOf: (key) => this.ledger.state().stake(key),
        openCalls: [CALL.genesis, CALL.head, CALL.block],
        admission: { concurrency: 4096, queue: 1024 }, // waiting at a barrier takes a turn but no work
        handlers: { calls: this.#calls() },
      },
    });
  }

  /** Opens the ledger and serves it. */
  static async start(options: CoordinatorOptions): Promise<Coordinator> {
    const { store, genesis } = options;
    return new Coordinator(options, await openLedger({ store, ...(genesis === undefined ? {} : { genesis }) }));
  }

  /** A participant is gone: it is not waited for until it rejoins. */
  leave(key: PeerKey): void {
    this.#sessions.end(key);
    this.#membership.leave(key);
  }

  /** Those who are waited for. */
  get members(): readonly PeerKey[] {
    return this.#membership.members;
  }

  /** Whether rounds continue: all that are waited for have been there. */
  get training(): boolean {
    return this.#membership.running;
  }

  async close(): Promise<void> {
    this.#membership.end();
    await this.network.close();
    await this.ledger.close();
  }

  #membershipOptions(): MembershipOptions {
    const { patience_ms = 120_000, joinPatience_ms = patience_ms, resumes = false, onMember, onApplicant, clock } = this.#options;
    const state = this.ledger.state();
    return {
      members: state.participants().map(({ key }) => key),
      patience_ms,
      joinPatience_ms: state.height > 0 ? patience_ms : joinPatience_ms, // they have come before
      returnPatience_ms: joinPatience_ms,
      resumes,
      closeBlock: (round) => this.#close(round),
      onFailure: (error) => this.#options.onFailure(error),
      ...(onMember === undefined ? {} : { onMember }),
      ...(onApplicant === undefined ? {} : { onApplicant }),
      ...(clock === undefined ? {} : { clock }),
    };
  }

  get #phase(): CoordinatorPhase {
    if (this.#membership.over) return 'over';
    return this.#membership.running ? 'running' : 'gathering';
  }

  /** Every message passes here: its rule, its form, its session, and then what it is for. */
  #calls(): Record<string, (bytes: Uint8Array, context: HandlerContext) => Promise<Uint8Array>> {
    const { store, onProgress, onResult } = this.#options;
    const actions: Readonly<Record<CallName, (value: unknown, context: HandlerContext) => unknown>> = {
      [CALL.genesis]: () => store.genesis(),
      [CALL.head]: () => this.#head(),
      [CALL.block]: async (value) => (await store.read(readHeight(value))) ?? null,
      [CALL.hello]: (value, { from }) => this.#hello(value, from),
      [CALL.submit]: (value, { from }) => this.#block.submit(readBytes(value), from),
      [CALL.barrier]: (value, context) => this.#wait(readBarrier(value), context),
      [CALL.rejoin]: (value, context) => this.#rejoin(readRejoin(value), context),
      [CALL.progress]: (value, { from }) => {
        onProgress?.(from, readProgress(value));
        return null;
      },
      [CALL.result]: (value, { from }) => {
        const read = this.#result(value);
        this.#membership.finish(from);
        onResult?.(from, read);
        return null;
      },
    };
    const named = Object.entries(actions) as [CallName, (typeof actions)[CallName]][];
    return Object.fromEntries(
      named.map(([call, action]) => [call, async (bytes, context) => encode(await this.#act(call, action, bytes, context))]),
    );
  }

  async #act(
    call: CallName,
    action: (value: unknown, context: HandlerContext) => unknown,
    bytes: Uint8Array,
    context: HandlerContext,
  ): Promise<unknown> {
    const { from } = context;
    const counter = `${call} ${from}`;
    const sent = this.#sent.get(counter) ?? 0;
    const participant = this.ledger.state().participant(from) !== undefined;
    const broken = refusedByRule(call, this.#phase, bytes.length, { key: from, participant, sent });
    if (broken !== null) return this.#refuse(broken, from, `${call} in the phase ${this.#phase}, ${bytes.length} bytes`);
    if (participant) this.#sent.set(counter, sent + 1);
    try {
      const value = readValue(bytes);
      const foreign = call.startsWith('run/') && call !== CALL.hello ? this.#sessions.problem(from, sessionOf(value)) : null;
      if (foreign !== null) return this.#refuse('phase', from, foreign.reason, foreign.refused);
      return await action(value, context);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      return this.#refuse('malformed', from, error.message);
    }
  }

  async #head(): Promise<unknown> {
    const { key, store } = this.#options;
    const head = await store.head();
    return key === undefined ? head : signHead(this.ledger.chain, head, key);
  }

  /** What a participant measured; where this coordinator knows the run, in the form that whoever prints it relies on. */
  #result(value: unknown): unknown {
    const told = typeof value === 'object' && value !== null && 'result' in value ? value.result : value;
    const { expected } = this.#options;
    return expected === undefined ? told : readResult(told, expected.participants);
  }

  /** Counted, and told in a form that the caller can read. */
  #refuse(counted: Parameters<Network['note']>[0], from: PeerKey, reason: string, refused: string = counted): RefusedAnswer {
    this.network.note(counted, from);
    return { refused, reason };
  }

  #hello(value: unknown, from: PeerKey): unknown {
    const answer = this.#sessions.hello(from, readHello(value));
    if (answer !== null) {
      if (answer.refused === 'keyInUse') this.#options.onKeyInUse?.(from);
      return this.#refuse('phase', from, answer.reason, answer.refused);
    }
    return { height: this.ledger.height } satisfies HelloAnswer;
  }

  async #wait(barrier: Barrier, { from, signal }: HandlerContext): Promise<BarrierAnswer> {
    let done = false;
    const { schedule } = this.#options;
    const next = !('height' in barrier) || barrier.height <= this.ledger.height + Number(barrier.kind === 'block');
    if (!next || (schedule !== undefined && !isScheduled(barrier, schedule))) throw new MessageError('this run has no such barrier now');
    if (this.#membership.has(from)) {
      const gathering = this.#membership.arrive(from, barrier);
      await this.#sessions.polling(from, signal, () => this.#atMost(POLL_MS, gathering.opened, signal));
      done = gathering.done;
    }
    const out = !done && !this.#membership.has(from);
    return { done: done || out, out, height: this.ledger.height };
  }

  /** Waits for the next block while others train; it is let in as that block closes, so that all continue together. */
  async #rejoin({ round }: RejoinRequest, { from, signal }: HandlerContext): Promise<RejoinAnswer> {
    const { schedule } = this.#options;
    // As many blocks as these rounds have are on the ledger: the others would continue from it.
    if (schedule !== undefined && (round > schedule.rounds || blocksDue(round, schedule) > Math.max(0, this.ledger.height - 1))) {
      throw new MessageError(`${round} rounds are not behind any participant of this ledger`);
    }
    this.#membership.apply(from, round);
    let admitted = this.#membership.takeAdmission(from);
    if (admitted === undefined && !this.#membership.over) {
      await this.#sessions.polling(from, signal, () => this.#atMost(POLL_MS, this.#membership.change(), signal));
      admitted = this.#membership.takeAdmission(from);
    }
    return { round: admitted ?? null, over: admitted === undefined && this.#membership.over, height: this.ledger.height };
  }

  /** Waits for an event, for so long, or until the caller no longer waits for the answer. */
  async #atMost(limit_ms: number, event: Promise<void>, signal: AbortSignal): Promise<void> {
    let cancel = (): void => undefined;
    const patience = new Promise<void>((resolve) => {
      cancel = this.network.clock.after(limit_ms, resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([event, patience]);
    cancel();
  }

  async #close(round: number): Promise<boolean> {
    this.#sent.clear();
    let refused: readonly Refusal[];
    try {
      refused = await this.#block.close();
    } catch (error) {
      this.#options.onFailure(error);
      return false;
    }
    await this.#options.onBlock?.(round, refused);
    const state = this.ledger.state();
    for (const key of this.#membership.members) if (state.participant(key) === undefined) this.leave(key);
    return true;
  }
}

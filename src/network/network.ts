/**
 * The calling side and the whole of one peer: queries, gradients and calls, each with a deadline and a typed outcome.
 *
 * Over 300 lines because the public calls of a peer stand here together; more than a third are their doc comments.
 */
import { InputError } from '../core/errors.js';
import { checkInteger, checkPositive } from '../core/validate.js';
import { AnnouncementFilter, DEFAULT_ANNOUNCEMENTS, ENVELOPE_BYTES, encodeAnnouncement } from './announcements.js';
import { BanList, DEFAULT_BANS } from './bans.js';
import { type Clock, systemClock } from './clock.js';
import { CallCounters, type PeerTraffic, type ServiceCounters } from './counters.js';
import { AdaptiveDeadline, checkDeadlineOptions, type DeadlineOptions } from './deadline.js';
import { bad, finite, gravity, receive, transportFailure, type Verdict } from './failures.js';
import { checkPeerKey } from './identity.js';
import type { AnnouncementHandler, CallOptions, NetworkOptions, QueryOptions, RefusalReport } from './options.js';
import { countReasons, mergeSenders, RefusalLog, type RefusalReason } from './refusals.js';
import { NonceSource } from './replay.js';
import { Service } from './service.js';
import { Supervisor } from './supervisor.js';
import { checkTensor, sameShape } from './tensor.js';
import {
  type Answer,
  type Failure,
  NO_BYTES,
  type Outcome,
  type PeerKey,
  type Request,
  type RequestKind,
  type Tensor,
  type Transport,
} from './types.js';

/**
 * One peer: asks others and serves them.
 *
 * @example
 * ```ts
 * import { createHub, createIdentity, Network } from 'intermodel/network';
 *
 * const hub = createHub();
 * const server = createIdentity();
 * new Network({ transport: hub.join(server), service: { handlers: { query: (x) => x }, stakeOf: () => 1n } });
 * const caller = new Network({ transport: hub.join(createIdentity()) });
 * const outcome = await caller.query(server.key, { shape: [1, 2], data: Float32Array.of(1, 2) });
 * console.log(outcome.ok && outcome.value.data); // Float32Array [1, 2]
 * ```
 */
export class Network {
  readonly self: PeerKey;
  readonly clock: Clock;
  readonly bans: BanList;
  readonly #transport: Transport;
  readonly #service: Service | null;
  readonly #deadlines = new Map<PeerKey, AdaptiveDeadline>();
  readonly #deadlineOptions: DeadlineOptions;
  readonly #counters = new CallCounters();
  readonly #nonces: NonceSource;
  readonly #inFlight = new Map<PeerKey, number>();
  readonly #maxInFlight: number;
  /** Owner of every task that nothing awaits. */
  readonly tasks: Supervisor;
  readonly #height: () => number;
  readonly #stakeOf: ((key: PeerKey) => bigint) | null;
  readonly #announcements: AnnouncementFilter;
  readonly #handlers = new Map<string, readonly AnnouncementHandler[]>();
  readonly #turnedAway = new RefusalLog();
  #closed = false;

  constructor(options: NetworkOptions) {
    this.#transport = options.transport;
    this.self = options.transport.self;
    this.clock = options.clock ?? systemClock;
    this.bans = new BanList({ ...DEFAULT_BANS, ...options.bans }, this.clock);
    this.#deadlineOptions = checkDeadlineOptions(options.deadline);
    this.#nonces = new NonceSource(this.clock);
    this.#maxInFlight = checkInteger('maxInFlight', options.maxInFlight ?? 32, 1);
    this.#service = options.service === undefined ? null : new Service(options.service, this.clock, options.replay);
    this.tasks = new Supervisor(options.onTaskFailure);
    this.#stakeOf = options.stakeOf ?? null;
    this.#height = options.height ?? (() => 0);
    const context = { self: this.self, clock: this.clock, height: this.#height, isMember: (key: PeerKey) => this.#isMember(key) };
    this.#announcements = new AnnouncementFilter(context, { ...DEFAULT_ANNOUNCEMENTS, ...options.announcements });
    if (this.#service !== null) this.#transport.serve(this.#service);
  }

  /**
   * Asks a peer for its response to a batch.
   *
   * @shape input [batch, ...]; the response is [batch, width]
   * @param peer public key of the peer.
   * @param input what the peer's model takes.
   * @param options deadline, signal, and the width to expect.
   * @returns the response or a typed failure, within the deadline.
   * @throws InputError when the call itself is wrong: no key, NaN in the input, shape and data that disagree.
   * @cost one exchange; 4 bytes per number with the `f32` wire type
   */
  query(peer: PeerKey, input: Tensor, options: QueryOptions = {}): Promise<Outcome<Tensor>> {
    checkTensor('input', input);
    const { width } = options;
    return this.#exchange(peer, 'query', [input], '', NO_BYTES, options, (answer) => {
      const [output] = answer.tensors;
      if (answer.tensors.length !== 1 || output.shape.length !== 2) return bad('shape', 'expected one tensor of two dimensions');
      const expected = [input.shape[0], width ?? output.shape[1]];
      if (!sameShape(output.shape, expected)) return bad('shape', `expected [${expected}], got [${output.shape}]`);
      return finite(output, output);
    });
  }

  /**
   * Sends dL/df back to a peer, together with the inputs it belongs to: a peer restarted in between loses nothing.
   *
   * @shape input [batch, ...]; gradient [batch, width]; the result is shaped as the input
   * @returns dL/dx, or null when the peer keeps it to itself, or a typed failure: count it as zero.
   * @throws InputError as for {@link query}
   */
  backward(peer: PeerKey, input: Tensor, gradient: Tensor, options: CallOptions = {}): Promise<Outcome<Tensor | null>> {
    checkTensor('input', input);
    checkTensor('gradient', gradient);
    return this.#exchange<Tensor | null>(peer, 'backward', [input, gradient], '', NO_BYTES, options, (answer) => {
      if (answer.tensors.length === 0) return { value: null };
      const [upstream] = answer.tensors;
      if (answer.tensors.length !== 1 || !sameShape(upstream.shape, input.shape)) return bad('shape', `expected [${input.shape}]`);
      return finite(upstream, upstream);
    });
  }

  /** Calls a named method of bytes to bytes: fetching a student, submitting a transaction. */
  call(peer: PeerKey, method: string, bytes: Uint8Array, options: CallOptions = {}): Promise<Outcome<Uint8Array>> {
    return this.#exchange(peer, 'call', [], method, bytes, options, (answer) => ({ value: answer.bytes }));
  }

  /**
   * Tells all peers something small, with the height and the time it was told at. Delivery is best effort.
   *
   * @throws InputError BTM_SHAPE when it is larger than the limit
   */
  async announce(topic: string, bytes: Uint8Array): Promise<void> {
    const limit = this.#transport.limits.announcementBytes - ENVELOPE_BYTES;
    if (bytes.length > limit) {
      throw new InputError('BTM_SHAPE', `has ${bytes.length} bytes, above the limit of ${limit}`, {
        argument: 'bytes',
        value: bytes.length,
        remedy: 'Announce a hash, and let peers fetch the content with call().',
      });
    }
    await this.#transport.announce(topic, encodeAnnouncement(this.#nonces.next(), this.#height(), bytes));
  }

  /**
   * Hears what holders of stake announce. Own, unstaked, expired and replayed announcements are counted and go no further.
   *
   * @param handler may be asynchronous; what it throws is counted and does not reach the caller of anything.
   */
  listen(topic: string, handler: AnnouncementHandler): void {
    const handlers = this.#handlers.get(topic) ?? [];
    this.#handlers.set(topic, [...handlers, handler]);
    if (handlers.length === 0) this.#transport.listen(topic, (from, heard, bytes) => this.#hear(from, heard, bytes));
  }

  /** Counts something that this peer's own code turned away. */
  note(reason: RefusalReason, from: PeerKey): void {
    this.#turnedAway.count(reason, from, this.#isMember(from));
  }

  /** What was turned away, by reason and by sender: requests, announcements and connections. */
  refusals(): RefusalReport {
    const logs = [this.#turnedAway, this.#service?.refusals, this.#transport.refusals].filter((log) => log !== undefined);
    const bySender = mergeSenders(logs.map((log) => log.bySender()));
    return { byReason: countReasons(bySender), bySender, taskFailures: this.tasks.failures() };
  }

  /** What this peer asked of others, by key. */
  traffic(): ReadonlyMap<PeerKey, PeerTraffic> {
    return this.#counters.snapshot();
  }

  /** What this peer did for others. */
  serviceCounters(): ServiceCounters {
    return this.#service?.counters() ?? { received: 0, served: 0, refused: {} };
  }

  /** The deadline that the next call to this peer gets. */
  deadline_ms(peer: PeerKey): number {
    return this.#deadlineOf(peer).current_ms();
  }

  /** True when this peer is banned and others are not. */
  isBanned(peer: PeerKey): boolean {
    return this.bans.remaining_ms(peer) > 0 && !this.bans.allBanned();
  }

  /**
   * Treats a peer as new: lifts its ban, and forgets its failures, its backoff and the history behind its deadline. For a
   * peer whose circumstances changed, such as one that comes back under another address on the ledger. Calls that are
   * under way end as they would have, but no longer count for or against it. Its traffic counters continue.
   *
   * @param peer public key of the peer; one that was never asked is left as it is.
   * @throws InputError when it is not a public key.
   * @example
   * ```ts
   * import { createHub, createIdentity, Network } from 'intermodel/network';
   *
   * const hub = createHub();
   * const network = new Network({ transport: hub.join(createIdentity()) });
   * network.forgive(createIdentity().key); // a peer that was never asked is left as it is
   * ```
   */
  forgive(peer: PeerKey): void {
    checkPeerKey('peer', peer);
    this.bans.lift(peer);
    this.#deadlines.delete(peer);
  }

  /** Stops asking and serving. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#transport.close();
  }

  #exchange<T>(
    peer: PeerKey,
    kind: RequestKind,
    tensors: readonly Tensor[],
    method: string,
    bytes: Uint8Array,
    options: CallOptions,
    judge: (answer: Answer & { ok: true }) => Verdict<T>,
  ): Promise<Outcome<T>> {
    checkPeerKey('peer', peer);
    if (peer === this.self) {
      throw new InputError('BTM_DOMAIN', 'is this peer itself', { argument: 'peer', value: peer, remedy: 'Call your own model directly.' });
    }
    if (options.deadline_ms !== undefined) checkPositive('deadline_ms', options.deadline_ms);
    const started_ms = this.clock.now();
    const traffic = this.#counters.started(peer);
    this.bans.meet(peer);
    const refusal = this.#refusal(peer, options);
    const standing = this.#deadlineOf(peer);
    if (refusal !== null) return Promise.resolve(this.#failed<T>(peer, refusal, started_ms, standing));

    const deadline_ms = options.deadline_ms ?? standing.current_ms();
    const request: Request = { kind, from: this.self, to: peer, nonce: this.#nonces.next(), deadline_ms, tensors, method, bytes };
    this.#inFlight.set(peer, (this.#inFlight.get(peer) ?? 0) + 1);
    return new Promise((resolve) => {
      const abort = new AbortController();
      let open = true;
      const finish = (verdict: Verdict<T>) => {
        if (!open) return;
        open = false;
        cancelTimer();
        options.signal?.removeEventListener('abort', cancel);
        this.#inFlight.set(peer, (this.#inFlight.get(peer) as number) - 1);
        resolve(
          'failure' in verdict
            ? this.#failed<T>(peer, verdict.failure, started_ms, standing)
            : this.#succeeded(peer, verdict.value, started_ms, standing),
        );
      };
      const giveUp = (code: 'cancelled' | 'timeout', reason: string) => {
        finish(bad(code, reason));
        abort.abort(); // after finish: the transport stops working on this call, and no caller waits for it to do so
      };
      const cancel = () => giveUp('cancelled', 'the caller cancelled the call');
      const cancelTimer = this.clock.after(deadline_ms, () => giveUp('timeout', `no answer within ${deadline_ms.toFixed(1)} ms`));
      options.signal?.addEventListener('abort', cancel, { once: true });
      this.#transport.exchange(request, abort.signal, traffic).then(
        (answer) => finish(receive(answer, request, judge)),
        (error) => finish({ failure: transportFailure(error) }),
      );
    });
  }

  #hear(from: PeerKey, topic: string, bytes: Uint8Array): boolean {
    const verdict = this.#announcements.check(from, bytes);
    if ('refused' in verdict) {
      this.note(verdict.refused, from);
      return false;
    }
    for (const handler of this.#handlers.get(topic) ?? []) {
      this.tasks.call(`listener of ${topic}`, () => handler(from, topic, verdict.payload.slice(), verdict.height), undefined);
    }
    return true;
  }

  #isMember(key: PeerKey): boolean {
    if (this.#stakeOf !== null) return this.#stakeOf(key) > 0n;
    return this.#service?.isMember(key) ?? false;
  }

  /** Reasons not to send at all. */
  #refusal(peer: PeerKey, options: CallOptions): Failure | null {
    if (this.#closed) return bad('closed', 'this network is closed').failure;
    if (options.signal?.aborted) return bad('cancelled', 'the signal had fired before the call').failure;
    if (options.ignoreBan !== true && this.isBanned(peer)) {
      return { code: 'banned', by: 'caller', reason: 'it failed too often', retryAfter_ms: this.bans.remaining_ms(peer) };
    }
    const inFlight = this.#inFlight.get(peer) ?? 0;
    if (inFlight >= this.#maxInFlight) return bad('busy', `${inFlight} calls to this peer are under way`).failure;
    return null;
  }

  /** `standing` is the peer's deadline when the call began. If it was forgiven since, the outcome says nothing about it. */
  #succeeded<T>(peer: PeerKey, value: T, started_ms: number, standing: AdaptiveDeadline): Outcome<T> {
    const elapsed_ms = this.clock.now() - started_ms;
    this.#counters.succeeded(peer, elapsed_ms);
    if (this.#deadlines.get(peer) === standing) {
      standing.answered(elapsed_ms);
      this.bans.succeeded(peer);
    }
    return { ok: true, value, elapsed_ms };
  }

  #failed<T>(peer: PeerKey, failure: Failure, started_ms: number, standing: AdaptiveDeadline): Outcome<T> {
    this.#counters.failed(peer, failure);
    if (this.#deadlines.get(peer) === standing) {
      if (failure.code === 'timeout') standing.timedOut();
      const weight = gravity(failure);
      if (weight !== 'none') this.bans.failed(peer, weight === 'grave');
    }
    return { ok: false, failure, elapsed_ms: this.clock.now() - started_ms };
  }

  #deadlineOf(peer: PeerKey): AdaptiveDeadline {
    let deadline = this.#deadlines.get(peer);
    if (deadline === undefined) {
      deadline = new AdaptiveDeadline(this.#deadlineOptions);
      this.#deadlines.set(peer, deadline);
    }
    return deadline;
  }
}

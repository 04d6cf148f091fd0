/** The serving side: checks a request in a fixed order, waits for its turn, runs the peer's own code, checks its answer. */
import { InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import { Admission, type AdmissionOptions, type Caller, DEFAULT_ADMISSION, type Stake } from './admission.js';
import type { Clock } from './clock.js';
import type { ServiceCounters } from './counters.js';
import { RefusalLog, type RefusalReason } from './refusals.js';
import { NonceWindow, type ReplayGuard } from './replay.js';
import { elementCount, firstNonFinite, sameShape } from './tensor.js';
import {
  type Answer,
  NO_BYTES,
  type PeerKey,
  type Receiver,
  type RefusalCode,
  type Request,
  type RequestKind,
  refuse,
  type Tensor,
} from './types.js';

/** What a handler knows about its caller. */
export interface HandlerContext {
  readonly from: PeerKey;
  readonly stake: Stake;
  /** Fires when the caller stopped waiting: stop working, the answer will not be read. */
  readonly signal: AbortSignal;
}

type Awaitable<T> = T | Promise<T>;

/** What a peer serves. Anything left out is refused as `unsupported`. */
export interface Handlers {
  /** f(x): [batch, ...] to [batch, width]. */
  readonly query?: (input: Tensor, context: HandlerContext) => Awaitable<Tensor>;
  /** Learns from dL/df at these inputs; returns dL/dx, shaped as the input, or null to keep it to itself. */
  readonly backward?: (input: Tensor, gradient: Tensor, context: HandlerContext) => Awaitable<Tensor | null>;
  /** Named calls of bytes to bytes, for everything that is not a tensor. */
  readonly calls?: Readonly<Record<string, (bytes: Uint8Array, context: HandlerContext) => Awaitable<Uint8Array>>>;
}

/** How a peer serves. */
export interface ServiceOptions {
  readonly handlers: Handlers;
  /** A caller's stake, read from the ledger for every request. What it throws counts as no stake. */
  readonly stakeOf: (key: PeerKey) => Stake;
  /** Callers with less are refused. Default 1: holders of none. */
  readonly minimumStake?: Stake;
  /**
   * Calls that anybody may make, behind all holders of stake; reading the ledger, for example. They must do no harm when they are made
   * twice: nothing is remembered of those without stake, so their requests are not protected against being sent again.
   */
  readonly openCalls?: readonly string[];
  /** Shape of one sample; requests with another are refused. Left out: any. */
  readonly sampleShape?: readonly number[];
  /** Length of one response row. Left out: any. */
  readonly width?: number;
  /** Largest batch. */
  readonly maxBatch?: number;
  readonly admission?: Partial<AdmissionOptions>;
}

/** What a holder of no stake may send at most, for the calls that are open to it. */
const STRANGER_BYTES = 64 * 1024;

const FULL = 'the queue is full of callers with at least as much stake, or holds too many of your requests';
const REPLAYED = 'nonce seen before, or too far from this clock';

/** Serves requests. One per process and identity; transports hand it every request they receive. */
export class Service implements Receiver {
  readonly #options: ServiceOptions;
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #replay: ReplayGuard;
  readonly #minimum: Stake;
  readonly #refusals = new RefusalLog();
  readonly #freshness: NonceWindow;
  #received = 0;
  #served = 0;

  constructor(options: ServiceOptions, clock: Clock, replay?: ReplayGuard) {
    const admission = { ...DEFAULT_ADMISSION, ...options.admission };
    checkInteger('service.admission.concurrency', admission.concurrency, 1);
    checkInteger('service.admission.queue', admission.queue, 0);
    checkInteger('service.admission.perCaller', admission.perCaller, 1);
    checkInteger('service.admission.strangers', admission.strangers, 0);
    this.#minimum = options.minimumStake ?? 1n;
    if (this.#minimum < 0n) {
      throw new InputError('BTM_NEGATIVE', 'must not be negative', { argument: 'service.minimumStake', value: this.#minimum });
    }
    this.#options = options;
    this.#clock = clock;
    this.#admission = new Admission(admission);
    this.#freshness = new NonceWindow(clock);
    this.#replay = replay ?? this.#freshness;
  }

  counters(): ServiceCounters {
    const refused = this.#refusals.byReason() as ServiceCounters['refused'];
    return { received: this.#received, served: this.#served, refused };
  }

  /** Refusals by sender. */
  get refusals(): RefusalLog {
    return this.#refusals;
  }

  isMember(key: PeerKey): boolean {
    return this.#stakeOf(key) >= this.#minimum;
  }

  /** A handler found something wrong with a request that it was given. */
  note(reason: RefusalReason, from: PeerKey): void {
    this.#refusals.count(reason, from, this.isMember(from));
  }

  /** Turns strangers away before their tensors cost memory; a small call may still be open to them. */
  screen(from: PeerKey, kind: RequestKind, nonce: number, bytes: number): Answer | null {
    if (this.isMember(from) || (kind === 'call' && bytes <= STRANGER_BYTES)) return null;
    this.refused('noStake', from);
    return this.#noStake(from, nonce);
  }

  refused(code: RefusalCode, from: PeerKey): void {
    this.#received++;
    this.#count(code, from);
  }

  /** Answers one request. Never rejects: what goes wrong is a refusal with a code. */
  async handle(request: Request, signal: AbortSignal): Promise<Answer> {
    this.#received++;
    const answer = this.#check(request) ?? (await this.#turn(request, signal));
    if (answer.ok) this.#served++;
    else this.#count(answer.code, request.from);
    return answer;
  }

  #stakeOf(key: PeerKey): Stake {
    try {
      return this.#options.stakeOf(key);
    } catch {
      return 0n; // a ledger that cannot be read vouches for none; the request is then refused and counted as such
    }
  }

  #count(code: RefusalCode, from: PeerKey): void {
    this.#refusals.count(code, from, this.isMember(from));
  }

  #noStake(from: PeerKey, nonce: number): Answer {
    const reason = `this peer serves holders of at least ${this.#minimum}; you hold ${this.#stakeOf(from)}`;
    return refuse(nonce, 'noStake', reason);
  }

  /** Guards, one per line; their order is the contract. Strangers are turned away before they cost memory. */
  #check(request: Request): Answer | null {
    const { nonce, from } = request;
    const no = (code: RefusalCode, reason: string) => refuse(nonce, code, reason);
    const member = this.isMember(from);
    if (!member && !this.#isOpen(request)) return this.#noStake(from, nonce);
    // Nothing is remembered of one without stake: it costs no memory, and moves no limit of a member.
    if (member ? !this.#replay.accept(from, nonce) : !this.#freshness.fresh(nonce)) return no('replay', REPLAYED);
    if (!this.#supports(request)) return no('unsupported', `this peer does not serve ${request.kind} ${request.method}`);
    const problem = this.#shapeProblem(request);
    if (problem !== null) return no('shape', problem);
    for (const tensor of request.tensors) if (firstNonFinite(tensor.data) >= 0) return no('nonfinite', 'the request holds NaN or infinity');
    return null;
  }

  #isOpen(request: Request): boolean {
    return request.kind === 'call' && (this.#options.openCalls ?? []).includes(request.method);
  }

  #supports(request: Request): boolean {
    const { handlers } = this.#options;
    if (request.kind === 'query') return handlers.query !== undefined && request.tensors.length === 1;
    if (request.kind === 'backward') return handlers.backward !== undefined && request.tensors.length === 2;
    return Object.hasOwn(handlers.calls ?? {}, request.method);
  }

  #shapeProblem(request: Request): string | null {
    if (request.kind === 'call') return null;
    for (const tensor of request.tensors) {
      if (tensor.shape.length < 1 || elementCount(tensor.shape) !== tensor.data.length) return `[${tensor.shape}] does not fit its data`;
    }
    const { sampleShape, width, maxBatch = 65536 } = this.#options;
    const [input, gradient] = request.tensors;
    const batch = input.shape[0];
    if (batch < 1 || batch > maxBatch) return `a batch of ${batch}; this peer takes 1 to ${maxBatch}`;
    if (sampleShape !== undefined && !sameShape(input.shape.slice(1), sampleShape)) {
      return `a sample of [${input.shape.slice(1)}]; this peer takes [${sampleShape}]`;
    }
    if (gradient !== undefined && (gradient.shape[0] !== batch || (width !== undefined && !sameShape(gradient.shape, [batch, width])))) {
      return `a gradient of [${gradient.shape}] for ${batch} responses of ${width ?? 'any'} numbers`;
    }
    return null;
  }

  /** Waits for a turn and runs it, within the caller's deadline. */
  #turn(request: Request, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve) => {
      const work = new LazyAbort();
      const stake = this.#stakeOf(request.from);
      const caller: Caller = { key: request.from, stake, member: stake >= this.#minimum };
      let leave: (() => void) | null = () => {};
      let running = false;
      const finish = (answer: Answer) => {
        cancelTimer();
        signal.removeEventListener('abort', expire);
        if (running) this.#admission.release(caller);
        else leave?.();
        running = false;
        finished = true;
        resolve(answer);
      };
      let finished = false;
      const settle = (answer: Answer) => {
        if (!finished) finish(answer);
      };
      const expire = () => {
        settle(refuse(request.nonce, 'expired', 'the caller stopped waiting'));
        work.abort();
      };
      const cancelTimer = this.#clock.after(request.deadline_ms, expire);
      signal.addEventListener('abort', expire, { once: true });
      const start = () => {
        running = true;
        this.#run(request, work).then(settle, () => settle(refuse(request.nonce, 'handler', `the peer's ${request.kind} failed`)));
      };
      const evict = () => settle(refuse(request.nonce, 'busy', 'a caller with more stake took the place', request.deadline_ms));
      if (signal.aborted) return expire();
      leave = this.#admission.enter(caller, start, evict);
      if (leave === null) settle(refuse(request.nonce, 'busy', FULL, request.deadline_ms));
    });
  }

  async #run(request: Request, work: LazyAbort): Promise<Answer> {
    const context: HandlerContext = {
      from: request.from,
      stake: this.#stakeOf(request.from),
      get signal() {
        return work.signal;
      },
    };
    try {
      return await this.#dispatch(request, context);
    } catch (error) {
      // The peer's own code failed. Its message stays here: it may quote private data.
      return refuse(request.nonce, 'handler', `the peer's ${request.kind} failed (${error instanceof Error ? error.name : 'unknown'})`);
    }
  }

  async #dispatch(request: Request, context: HandlerContext): Promise<Answer> {
    const { handlers, width } = this.#options;
    const { nonce } = request;
    if (request.kind === 'call') {
      const call = handlers.calls?.[request.method];
      return { ok: true, nonce, tensors: [], bytes: await call!(request.bytes, context) };
    }
    const [input, gradient] = request.tensors;
    if (request.kind === 'query') {
      const output = await handlers.query!(input, context);
      const expected = [input.shape[0], width ?? output.shape[1]];
      return sameShape(output.shape, expected) ? tensorAnswer(nonce, [output]) : refuse(nonce, 'handler', 'the model gave a wrong shape');
    }
    const upstream = await handlers.backward!(input, gradient, context);
    if (upstream === null) return tensorAnswer(nonce, []);
    return sameShape(upstream.shape, input.shape)
      ? tensorAnswer(nonce, [upstream])
      : refuse(nonce, 'handler', 'the model gave a wrong shape');
  }
}

/** An abort signal that costs nothing until a handler looks at it. */
class LazyAbort {
  #controller: AbortController | null = null;
  #aborted = false;

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}

/** A model that diverged must not poison others: its NaN stays at home. */
function tensorAnswer(nonce: number, tensors: readonly Tensor[]): Answer {
  if (tensors.some((tensor) => firstNonFinite(tensor.data) >= 0)) return refuse(nonce, 'handler', 'the model gave NaN or infinity');
  return { ok: true, nonce, tensors, bytes: NO_BYTES };
}

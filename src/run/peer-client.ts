/** One participant's connection: it serves its encoder to holders of stake, asks its peers, and puts students where peers are missing. */
import { type Clock, type Handlers, Network, type PeerKey, type Tensor, type Transport } from '../network/index.js';
import { askChosen, type Origin, type RoutedQuery, type RoutedResponses, returnGradients } from '../participant/gates/routing.js';
import type { Participant, Received } from '../participant/participant.js';
import type { StandIn } from '../participant/students/stand-in.js';
import { isHash, StudentCache, StudentOffer } from '../participant/students/student-cache.js';
import { encodeStudent } from '../participant/students/student-file.js';
import { GradientInbox } from './gradient-inbox.js';
import { bounded } from './learning.js';

/** Samples per query. */
const CHUNK = 512;

/** Largest query that the adaptive deadline is meant for. */
const USUAL_SAMPLES = 64;

/** How long an answer may take between machines. A peer in the middle of a training step is slow, not gone; one that is gone is noticed at once. */
const DEADLINE = { floor_ms: 10_000, initial_ms: 30_000, ceiling_ms: 120_000 } as const;

/** A query many times larger than the usual batch says nothing about the usual time, nor the other way round. */
const LARGE_DEADLINE_MS = 60_000;

/** A busy machine delays every peer now and then: banning starts later than the default. */
const BANS = { threshold: 5 } as const;

/** Within one process no peer is ever late, only busy: waiting or banning by the clock would make results depend on the machine. */
const ONE_PROCESS = { deadline_ms: 24 * 3600 * 1000, bans: { threshold: Number.MAX_SAFE_INTEGER } } as const;

/** The method that tells the hash of the student a peer offers. */
const STUDENT_HASH = 'student/hash';

/** What all peers answered to one batch. */
export interface Answers extends Received {
  /** By peer: who answered. A peer that answered only a part of a batch counts as missing: half a block would look like an opinion. */
  readonly origins: readonly Origin[];
  /** For {@link PeerClient.sendBack}. */
  readonly parts: readonly { readonly query: RoutedQuery; readonly answers: RoutedResponses; readonly from: number }[];
}

/** How a link starts. */
export interface PeerClientOptions {
  readonly transport: Transport;
  readonly stakeOf: (key: PeerKey) => bigint;
  readonly inputWidth: number;
  readonly width: number;
  /** Largest l2 norm of a peer's response to one sample; longer ones are scaled down to it. Default: none. */
  readonly answerBound?: number;
  /** Learns to answer in this participant's place, for when it is gone. Left out: it offers no student. */
  readonly standIn?: StandIn;
  /** Whether all peers share this process. Default: whether the transport does. */
  readonly oneProcess?: boolean;
  /** What members may call beside what this participant serves itself, for instance those of `HeadExchange`. */
  readonly calls?: Handlers['calls'];
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** How useful a peer is; where there is no room for all students, those of the least useful go first. Default: all alike. */
  readonly worth?: (key: PeerKey) => number;
  /** Blocks of the ledger as this participant knows it; its announcements carry it. Default: always 0. */
  readonly height?: () => number;
}

/** What to ask. */
export interface Question {
  /** `[size, inputWidth]` */
  readonly inputs: Float32Array;
  readonly size: number;
  /** The own answer `[size, width]`, where it is known already. */
  readonly own?: Float64Array;
  /** `[size, k]`: whom to ask about each sample. Left out: every peer. */
  readonly selected?: Int32Array;
  /** False leaves zeros where a peer is missing. */
  readonly students?: boolean;
}

export class PeerClient {
  readonly inbox = new GradientInbox();
  readonly students: StudentCache;
  readonly #offer = new StudentOffer();
  readonly #options: PeerClientOptions;
  readonly #oneProcess: boolean;
  readonly #call: { readonly deadline_ms?: number };
  #network: Network;
  #participant: Participant | null = null;
  #keys: readonly PeerKey[] = [];
  #serving = false;

  constructor(options: PeerClientOptions) {
    const { transport, inputWidth, width, oneProcess = transport.kind === 'memory' } = options;
    this.#options = options;
    this.#oneProcess = oneProcess;
    this.#call = oneProcess ? { deadline_ms: ONE_PROCESS.deadline_ms } : {};
    this.students = new StudentCache({ inputWidth, width }, this.#call, (key) => this.#keys.includes(key), options.worth);
    this.#network = this.#join(transport);
  }

  /** The connection as it is, with its books. */
  get network(): Network {
    return this.#network;
  }

  /** Leaves the network completely: nothing is asked and nothing is served from here on. */
  leave(): Promise<void> {
    return this.#network.close();
  }

  /** Comes back under the same key, on a new transport, and serves at once. Its books start anew. */
  rejoin(transport: Transport): void {
    this.#network = this.#join(transport);
  }

  /** Who takes part, in the order of the ledger, and the model to serve. Queries are refused until {@link open}. */
  attach(participant: Participant, keys: readonly PeerKey[]): void {
    this.#participant = participant;
    this.#keys = keys;
  }

  /** Serves from here on: not earlier, or peers would wait for gradients of one that is not training yet. */
  open(): void {
    this.#serving = true;
  }

  /** The responses of all, the own one computed here; chunk by chunk. */
  async ask({ inputs, size, own, selected, students = true }: Question): Promise<Answers> {
    const peers = this.#keys.length;
    const { inputWidth, width } = this.#options;
    const responses = new Float64Array(size * peers * width);
    const answered = new Int32Array(size * peers);
    const origins: Origin[] = this.#keys.map(() => 'unasked');
    const parts: { query: RoutedQuery; answers: RoutedResponses; from: number }[] = [];
    for (let from = 0; from < size; from += CHUNK) {
      const batch = Math.min(CHUNK, size - from);
      const part = size <= CHUNK ? inputs : inputs.slice(from * inputWidth, (from + batch) * inputWidth);
      const query = this.#query(part, batch, rowsOf(selected, from, batch, size), students);
      const known = rowsOf(own, from, batch, size);
      const [mine, answers] = await Promise.all([known ?? this.#model().answer(part, batch), askChosen(query)]);
      responses.set(this.#bounded(answers.responses), from * peers * width);
      answered.set(answers.answered, from * peers);
      this.#placeOwn(responses, answered, mine, from, batch);
      for (const [peer, origin] of answers.origins.entries()) origins[peer] = worse(origins[peer], origin);
      parts.push({ query, answers, from });
    }
    for (const [peer, origin] of origins.entries()) if (origin === 'nobody') clear(responses, answered, peer, peers, width);
    origins[this.#self] = 'peer';
    return { responses, answered, origins, parts };
  }

  /** Sends every peer that answered its part of dL/dF `[size, peers, width]`, with the inputs it belongs to. Students get none. */
  async sendBack({ parts }: Answers, gradient: Float64Array): Promise<void> {
    const row = this.#keys.length * this.#options.width;
    for (const { query, answers, from } of parts) {
      await returnGradients(query, answers, gradient.subarray(from * row, (from + query.batch) * row));
    }
  }

  /** One peer's answer, or its student's; for a participant that passes on what another says. */
  async relay(peer: number, inputs: Float32Array, batch: number): Promise<Float32Array> {
    const { inputWidth, width } = this.#options;
    const key = this.#keys[peer];
    const outcome = await this.network.query(key, { shape: [batch, inputWidth], data: inputs }, { width, ...this.#call });
    if (outcome.ok) return outcome.value.data;
    // What it cannot pass on it does not have: zeros, as for any peer that is missing.
    return Float32Array.from(this.students.respond(key, inputs, batch) ?? new Float64Array(batch * width));
  }

  /** What the students of these peers would answer, in position `[size, peers, width]`, zeros elsewhere; and of which peers it holds one. */
  standIns(peers: readonly number[], inputs: Float32Array, size: number): { responses: Float64Array; held: number[] } {
    const { width } = this.#options;
    const n = this.#keys.length;
    const responses = new Float64Array(size * n * width);
    const held = peers.filter((peer) => {
      const answer = this.students.respond(this.#keys[peer], inputs, size);
      if (answer === undefined) return false;
      for (let s = 0; s < size; s++) responses.set(answer.subarray(s * width, (s + 1) * width), (s * n + peer) * width);
      return true;
    });
    return { responses, held };
  }

  /** Offers the student as it stands, and tells all peers its hash. */
  async publishStudent(): Promise<void> {
    const { standIn } = this.#options;
    if (standIn !== undefined) await this.#offer.publish(this.network, encodeStudent(standIn.student));
  }

  /** Fetches the newest student of every peer that offers one and can be reached; what announcements missed. */
  async fetchStudents(): Promise<void> {
    const others = this.#keys.filter((key) => key !== this.network.self);
    await Promise.all(
      others.map(async (key) => {
        const told = await this.network.call(key, STUDENT_HASH, new Uint8Array(0), this.#call);
        const hash = told.ok ? new TextDecoder().decode(told.value.subarray(0, 64)) : '';
        if (isHash(hash) && this.students.hashOf(key) !== hash) await this.students.fetch(this.network, key, hash);
        else if (!told.ok) await this.students.recover(this.network, key, others);
      }),
    );
  }

  /** Responses `[batch, peers, width]` as they are taken in; senders of longer ones are counted, once per question. */
  #bounded(responses: Float64Array): Float64Array {
    const { width, answerBound } = this.#options;
    const loud = new Set<number>();
    const taken = bounded(responses, width, answerBound, (row) => loud.add(row % this.#keys.length));
    for (const peer of loud) this.network.note('norm', this.#keys[peer]);
    return taken;
  }

  get #self(): number {
    return this.#keys.indexOf(this.network.self);
  }

  #join(transport: Transport): Network {
    const { stakeOf, inputWidth, width, clock, height, calls } = this.#options;
    const network = new Network({
      transport,
      ...(clock === undefined ? {} : { clock }),
      ...(height === undefined ? {} : { height }),
      ...(this.#oneProcess ? { bans: ONE_PROCESS.bans } : { deadline: DEADLINE, bans: BANS }),
      service: {
        stakeOf,
        sampleShape: [inputWidth],
        width,
        admission: { concurrency: 1, queue: 256 },
        handlers: {
          query: (input, { from }) => this.#answer(input, from),
          backward: (input, gradient, { from }) => {
            const refused = this.inbox.put(from, { input, gradient });
            if (refused !== null) this.network.note(refused, from);
            return null;
          },
          calls: {
            ...this.#offer.calls(this.students),
            [STUDENT_HASH]: () => new TextEncoder().encode(this.#offer.hash),
            ...calls,
          },
        },
      },
    });
    this.students.follow(network, undefined, { oncePerHeight: height !== undefined });
    return network;
  }

  #model(): Participant {
    if (this.#participant === null) throw new Error('not ready yet');
    return this.#participant;
  }

  #query(inputs: Float32Array, batch: number, selected: Int32Array | undefined, students: boolean): RoutedQuery {
    const large = batch > USUAL_SAMPLES ? { deadline_ms: LARGE_DEADLINE_MS } : {};
    return {
      network: this.network,
      peers: this.#keys,
      inputs,
      batch,
      width: this.#options.width,
      ...(selected === undefined ? {} : { selected }),
      ...(students ? { students: this.students } : {}),
      ...large,
      ...this.#call,
    };
  }

  #placeOwn(responses: Float64Array, answered: Int32Array, own: ArrayLike<number>, from: number, batch: number): void {
    const { width } = this.#options;
    const peers = this.#keys.length;
    for (let s = 0; s < batch; s++) {
      const at = (from + s) * peers + this.#self;
      answered[at] = 1;
      for (let m = 0; m < width; m++) responses[at * width + m] = own[s * width + m];
    }
  }

  async #answer(input: Tensor, from: PeerKey): Promise<Tensor> {
    if (!this.#serving) throw new Error('not ready yet');
    const [batch] = input.shape;
    const data = await this.#model().answer(input.data, batch);
    this.inbox.answered(from, input);
    this.#options.standIn?.watch(from, input.data, data, batch);
    return { shape: [batch, this.#options.width], data };
  }
}

/** The rows of one chunk of `[size, ...]` values, where there are any. */
function rowsOf<T extends Float64Array | Int32Array>(values: T | undefined, from: number, batch: number, size: number): T | undefined {
  const width = values === undefined ? 0 : values.length / size;
  return values?.subarray(from * width, (from + batch) * width) as T | undefined;
}

const RANK: readonly Origin[] = ['unasked', 'peer', 'student', 'nobody'];

function worse(a: Origin, b: Origin): Origin {
  return RANK.indexOf(a) > RANK.indexOf(b) ? a : b;
}

function clear(responses: Float64Array, answered: Int32Array, peer: number, peers: number, width: number): void {
  for (let at = peer; at < answered.length; at += peers) {
    responses.fill(0, at * width, (at + 1) * width);
    answered[at] = 0;
  }
}

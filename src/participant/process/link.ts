/** One participant's connection: it serves its encoder to holders of stake, and asks everybody at once. */
import {
  type BroadcastResult,
  broadcast,
  type Identity,
  Libp2pTransport,
  Network,
  type PeerKey,
  sendBack,
  type Tensor,
  type WireType,
} from '../../network/index.js';
import type { Participant } from '../participant.js';
import { GradientInbox } from './inbox.js';

/** Samples per query. */
const CHUNK = 512;

/** Largest query that the adaptive deadline is meant for. */
const USUAL_SAMPLES = 64;

/** How long an answer may take. A peer in the middle of a training step is slow, not gone; one that is gone is noticed at once. */
const DEADLINE = { floor_ms: 10_000, initial_ms: 30_000, ceiling_ms: 120_000 } as const;

/** A query many times larger than the usual batch says nothing about the usual time, nor the other way round. */
const LARGE_DEADLINE_MS = 60_000;

/** A busy machine makes everybody late now and then: banning starts later than the default. */
const BANS = { threshold: 5 } as const;

/** What everybody answered. */
export interface Answers {
  /** [samples, peers, width]; zeros where nothing came. */
  readonly responses: Float64Array;
  /** [peers]; 1 where all of it came. The own entry is 1. */
  readonly answered: Uint8Array;
}

/** How a link starts. */
export interface LinkOptions {
  readonly identity: Identity;
  readonly listen: readonly string[];
  readonly wire: WireType;
  readonly stakeOf: (key: PeerKey) => bigint;
  readonly pixels: number;
  readonly width: number;
}

export class Link {
  readonly transport: Libp2pTransport;
  readonly network: Network;
  readonly inbox = new GradientInbox();
  readonly #options: LinkOptions;
  #participant: Participant | null = null;
  #keys: readonly PeerKey[] = [];
  #self = 0;

  private constructor(options: LinkOptions, transport: Libp2pTransport) {
    this.#options = options;
    this.transport = transport;
    this.network = new Network({
      transport,
      deadline: DEADLINE,
      bans: BANS,
      service: {
        stakeOf: options.stakeOf,
        sampleShape: [options.pixels],
        width: options.width,
        admission: { concurrency: 1 },
        handlers: {
          query: (input) => this.#answer(input),
          backward: (input, gradient, { from }) => {
            this.inbox.put(from, { input, gradient });
            return null;
          },
        },
      },
    });
  }

  static async start(options: LinkOptions): Promise<Link> {
    const { identity, listen, wire } = options;
    return new Link(options, await Libp2pTransport.start({ identity, listen, wire }));
  }

  /** Who takes part, in the order of the ledger, and the model to serve. */
  serve(participant: Participant, keys: readonly PeerKey[]): void {
    this.#participant = participant;
    this.#keys = keys;
    this.#self = keys.indexOf(this.network.self);
  }

  /** Everybody's responses, the own one computed here; chunk by chunk. */
  async askAll(participant: Participant, inputs: Float32Array, samples: number): Promise<Answers> {
    const peers = this.#keys.length;
    const { pixels, width } = this.#options;
    const responses = new Float64Array(samples * peers * width);
    const answered = new Uint8Array(peers).fill(1);
    for (let from = 0; from < samples; from += CHUNK) {
      const size = Math.min(CHUNK, samples - from);
      const part = inputs.slice(from * pixels, (from + size) * pixels);
      const [own, others] = await Promise.all([participant.answer(part, size), this.#askOthers({ shape: [size, pixels], data: part })]);
      this.#others().forEach((peer, at) => {
        if (others.answered[at] === 0) answered[peer] = 0;
        place(responses, others.responses, { from, size, peers, width, peer, at, stride: peers - 1 });
      });
      place(responses, own, { from, size, peers, width, peer: this.#self, at: 0, stride: 1 });
    }
    for (let peer = 0; peer < peers; peer++) if (answered[peer] === 0) clear(responses, samples, peers, width, peer);
    return { responses, answered };
  }

  /** Sends everybody who answered its slice of dL/dF [samples, peers, width]. */
  async sendBack(inputs: Float32Array, samples: number, gradient: Float64Array, answered: Uint8Array): Promise<void> {
    const others = this.#others();
    const { pixels, width } = this.#options;
    const slices = new Float32Array(samples * others.length * width);
    others.forEach((peer, at) => {
      for (let s = 0; s < samples; s++) {
        const source = (s * this.#keys.length + peer) * width;
        slices.set(gradient.subarray(source, source + width), (s * others.length + at) * width);
      }
    });
    await sendBack(this.network, {
      peers: others.map((peer) => this.#keys[peer]),
      input: { shape: [samples, pixels], data: inputs },
      width,
      gradients: slices,
      answered: Uint8Array.from(others, (peer) => answered[peer]),
    });
  }

  /** One peer's answer; for a participant that passes on what another says. */
  async relay(peer: number, inputs: Float32Array, batch: number): Promise<Float32Array> {
    const { pixels, width } = this.#options;
    const outcome = await this.network.query(this.#keys[peer], { shape: [batch, pixels], data: inputs }, { width });
    // What it cannot pass on it does not have: zeros, as for any peer that is missing.
    return outcome.ok ? outcome.value.data : new Float32Array(batch * width);
  }

  #askOthers(input: Tensor): Promise<BroadcastResult> {
    const peers = this.#others().map((peer) => this.#keys[peer]);
    const large = input.shape[0] > USUAL_SAMPLES ? { deadline_ms: LARGE_DEADLINE_MS } : {};
    return broadcast(this.network, { peers, input, width: this.#options.width, kMin: 0, ...large });
  }

  #others(): number[] {
    return this.#keys.flatMap((_, peer) => (peer === this.#self ? [] : [peer]));
  }

  async #answer(input: Tensor): Promise<Tensor> {
    const participant = this.#participant;
    if (participant === null) throw new Error('not ready yet');
    const [batch] = input.shape;
    return { shape: [batch, this.#options.width], data: await participant.answer(input.data, batch) };
  }
}

interface Placement {
  readonly from: number;
  readonly size: number;
  readonly peers: number;
  readonly width: number;
  readonly peer: number;
  readonly at: number;
  readonly stride: number;
}

/** Copies one peer's rows out of [size, stride, width] into [samples, peers, width]. */
function place(target: Float64Array, source: Float32Array, { from, size, peers, width, peer, at, stride }: Placement): void {
  for (let s = 0; s < size; s++) {
    const start = (s * stride + at) * width;
    target.set(source.subarray(start, start + width), ((from + s) * peers + peer) * width);
  }
}

/** A peer that answered only part of a batch counts as missing: half a block would look like an opinion. */
function clear(responses: Float64Array, samples: number, peers: number, width: number, peer: number): void {
  for (let s = 0; s < samples; s++) responses.fill(0, (s * peers + peer) * width, (s * peers + peer + 1) * width);
}

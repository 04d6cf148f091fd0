/**
 * One participant of the network: steps 1 to 6 of section 1.6.
 *
 * Its state is explicit: a shard, an encoder f_i that answers queries, a head over the masked responses of all peers, a gate G over them, a readout of its own response,
 * and a proxy distilled from G. Its encoder sees [x, proxy(x)], so an answer stands on what the network knew without asking any further (depth 1).
 */
import type { Backend } from '../backend/index.js';
import type { Shard } from '../data/shards.js';
import { permutation } from './draw.js';
import { DenseGate } from './gate.js';
import { accuracy, TrainableHead } from './head.js';
import type { ResponseModel } from './model.js';
import type { ParticipantRole } from './result.js';

/** Sizes and step sizes that all participants of a run share. */
export interface ParticipantSettings {
  readonly peers: number;
  readonly width: number;
  readonly classes: number;
  readonly headHidden: number;
  readonly headRate: number;
  readonly gateRate: number;
  readonly weightDecay: number;
  readonly seed: number;
  readonly backend: Backend;
}

/** What makes one participant. */
export interface ParticipantParts {
  readonly index: number;
  readonly name: string;
  readonly role: ParticipantRole;
  readonly shard: Shard;
  /** Takes pixels alone, or pixels followed by the proxy's response. */
  readonly encoder: ResponseModel;
  /** The student of G: takes pixels. */
  readonly proxy: ResponseModel;
}

/** A batch of a participant's own samples, as it broadcasts them. */
export interface Batch {
  readonly size: number;
  /** `[size, pixels]` */
  readonly inputs: Float32Array;
  /** `[size]` */
  readonly labels: Int32Array;
}

/** Mean losses of one training step, in nats except the proxy's squared error. */
export interface StepLosses {
  readonly head: number;
  readonly own: number;
  readonly gate: number;
  readonly proxy: number;
}

/** Streams of random numbers of a participant: family, index, purpose. */
const STREAM_FAMILY = 1;
const STREAM = { head: 1, own: 2, readout: 3, order: 4 } as const;

export class Participant {
  readonly index: number;
  readonly name: string;
  readonly role: ParticipantRole;
  readonly shard: Shard;
  readonly encoder: ResponseModel;
  readonly proxy: ResponseModel;
  readonly head: TrainableHead;
  readonly #own: TrainableHead;
  readonly #readout: TrainableHead;
  readonly #gate: DenseGate;
  readonly #settings: ParticipantSettings;
  #order: Uint32Array = new Uint32Array(0);
  #position = 0;
  #epoch = 0;

  constructor(parts: ParticipantParts, settings: ParticipantSettings) {
    this.index = parts.index;
    this.name = parts.name;
    this.role = parts.role;
    this.shard = parts.shard;
    this.encoder = parts.encoder;
    this.proxy = parts.proxy;
    this.#settings = settings;
    const head = (peers: number, hidden: readonly number[], learningRate: number, stream: number) =>
      new TrainableHead({
        peers,
        width: settings.width,
        hidden,
        outputs: settings.classes,
        learningRate,
        weightDecay: settings.weightDecay,
        seed: settings.seed,
        stream: [STREAM_FAMILY, parts.index, stream],
        backend: settings.backend,
      });
    this.head = head(settings.peers, [settings.headHidden], settings.headRate, STREAM.head);
    this.#own = head(1, [], settings.gateRate, STREAM.own);
    this.#readout = head(1, [], settings.gateRate, STREAM.readout);
    this.#gate = new DenseGate(settings.peers, settings.width, settings.width, new Set([parts.index]), {
      learningRate: settings.gateRate,
      weightDecay: settings.weightDecay,
    });
  }

  /** Step 2: the next batch of its own samples, epoch by epoch in a seeded order. */
  nextBatch(size: number): Batch {
    const { pixels, samples } = this.shard;
    const inputs = new Float32Array(size * pixels);
    const labels = new Int32Array(size);
    for (let row = 0; row < size; row++) {
      if (this.#position === this.#order.length) {
        this.#order = permutation(this.#settings.seed, [STREAM_FAMILY, this.index, STREAM.order, this.#epoch++], samples);
        this.#position = 0;
      }
      const sample = this.#order[this.#position++];
      inputs.set(this.shard.inputs.subarray(sample * pixels, (sample + 1) * pixels), row * pixels);
      labels[row] = this.shard.labels[sample];
    }
    return { size, inputs, labels };
  }

  /** Answers a query `[batch, pixels]` with f_i `[batch, width]`, from its own proxy and encoder alone. */
  async answer(inputs: Float32Array, batch: number): Promise<Float32Array> {
    return this.encoder.respond(await this.#encoderInputs(inputs, batch), batch);
  }

  /**
   * Step 3: takes the responses of all peers to its batch, masks them, trains head, gate, readouts and proxy on them.
   * @param responses F `[size, peers, width]`
   * @param opening its row m_i of the competition mask (7), `[peers]`
   * @returns the losses, and dL/dF `[size, peers, width]` to be sent back to the peers
   */
  async receive(batch: Batch, responses: Float64Array, opening: Float64Array): Promise<{ losses: StepLosses; gradient: Float64Array }> {
    const { peers, width } = this.#settings;
    const masked = applyOpening(responses, opening, width);
    const own = this.#ownBlock(responses, batch.size);
    const head = this.head.learn(masked, batch.labels, batch.size);
    const alone = this.#own.learn(own, batch.labels, batch.size);
    const mixed = this.#gate.mix(own, masked, batch.size);
    const readout = this.#readout.learn(mixed.mixture, batch.labels, batch.size);
    const throughGate = this.#gate.learn(own, masked, mixed, readout.gradient, batch.size);
    const gradient = applyOpening(
      head.gradient.map((g, at) => g + throughGate[at]),
      opening,
      width,
    );
    for (let b = 0; b < batch.size; b++) {
      for (let m = 0; m < width; m++) gradient[(b * peers + this.index) * width + m] += alone.gradient[b * width + m];
    }
    const proxy = await this.#distil(batch, mixed.mixture);
    return { losses: { head: head.loss, own: alone.loss, gate: readout.loss, proxy }, gradient };
  }

  /** Step 3, on the other side: trains f_i on the gradients its askers returned, `[batch, width]`. */
  async learn(inputs: Float32Array, gradient: Float32Array, batch: number): Promise<void> {
    if (this.encoder.train === undefined) return;
    await this.encoder.train(await this.#encoderInputs(inputs, batch), gradient, batch);
  }

  /** Step 6: accuracies on held-out samples with the network's responses, and without the network. */
  async verify(batch: Batch, responses: Float64Array, opening: Float64Array) {
    const masked = applyOpening(responses, opening, this.#settings.width);
    const own = this.#ownBlock(responses, batch.size);
    const student = Float64Array.from(await this.proxy.respond(batch.inputs, batch.size));
    return {
      headAccuracy: accuracy(this.head.logits(masked, batch.size), batch.labels),
      ownAccuracy: accuracy(this.#own.logits(own, batch.size), batch.labels),
      gateAccuracy: accuracy(this.#readout.logits(this.#gate.mix(own, masked, batch.size).mixture, batch.size), batch.labels),
      proxyAccuracy: accuracy(this.#readout.logits(student, batch.size), batch.labels),
    };
  }

  /** Releases the models. */
  dispose(): void {
    this.encoder.dispose();
    this.proxy.dispose();
  }

  /** Distils the mixture, held fixed, into the proxy by squared error. Returns the mean squared error per response. */
  async #distil(batch: Batch, mixture: Float64Array): Promise<number> {
    const student = await this.proxy.respond(batch.inputs, batch.size);
    let loss = 0;
    const gradient = student.map((value, at) => {
      const difference = value - mixture[at];
      loss += difference * difference;
      return difference / batch.size;
    });
    await this.proxy.train?.(batch.inputs, gradient, batch.size);
    return loss / batch.size;
  }

  /** Its own block of the responses, unmasked. */
  #ownBlock(responses: Float64Array, batch: number): Float64Array {
    const { peers, width } = this.#settings;
    const own = new Float64Array(batch * width);
    for (let b = 0; b < batch; b++) {
      const from = (b * peers + this.index) * width;
      own.set(responses.subarray(from, from + width), b * width);
    }
    return own;
  }

  async #encoderInputs(inputs: Float32Array, batch: number): Promise<Float32Array> {
    const { pixels } = this.shard;
    const total = this.encoder.inputWidth;
    if (total === pixels) return inputs;
    const context = await this.proxy.respond(inputs, batch);
    const extra = total - pixels;
    const joined = new Float32Array(batch * total);
    for (let b = 0; b < batch; b++) {
      joined.set(inputs.subarray(b * pixels, (b + 1) * pixels), b * total);
      joined.set(context.subarray(b * extra, (b + 1) * extra), b * total + pixels);
    }
    return joined;
  }
}

/** F_W: every response block scaled by how far the mask opens its peer (7). */
export function applyOpening(responses: Float64Array, opening: Float64Array, width: number): Float64Array {
  const masked = new Float64Array(responses.length);
  for (let at = 0; at < masked.length; at++) masked[at] = opening[Math.floor(at / width) % opening.length] * responses[at];
  return masked;
}

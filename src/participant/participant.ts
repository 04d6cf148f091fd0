/**
 * One participant of the network: what it owns and has learnt (section 1.6). When it does what is in run/participant-run.ts.
 *
 * Its state is explicit: its data, an encoder f_i that answers queries, a head over the masked responses of all peers, a gate G over them, a readout of G and one of
 * its own response, and a proxy distilled from G. Its encoder sees [x, proxy(x)], so an answer stands on what the network knew without asking any further (depth 1).
 */
import type { Backend } from '../backend/index.js';
import { permutation } from './draw.js';
import { createGate, type GateSettings } from './gates/gate.js';
import type { GateChoice, GateMixture, TrainableGate } from './gates/mixture.js';
import { DenseNet } from './models/dense-net.js';
import type { ResponseModel } from './models/model.js';
import { inputWidthOf, pickSamples, type Samples, type Scored, score } from './samples.js';
import { numberIn, partsOf, type Saved } from './saved.js';
import { type DistillationObjective, studentLesson } from './students/student.js';

/** Sizes and step sizes of a participant. */
export interface ParticipantSettings {
  /** Participants of the network, itself included. */
  readonly peers: number;
  /** Numbers per response; the same for all. */
  readonly width: number;
  /** Outputs of its own readers: classes, or values it predicts. Its own affair. */
  readonly outputs: number;
  readonly headHidden: number;
  readonly headRate: number;
  readonly gateRate: number;
  readonly readoutRate: number;
  readonly weightDecay: number;
  readonly gate: GateSettings;
  /** How the proxy learns G(x). */
  readonly distillation: DistillationObjective;
  readonly seed: number;
  readonly backend: Backend;
}

/** What makes one participant. */
export interface ParticipantParts {
  readonly index: number;
  readonly name: string;
  readonly data: Samples;
  /** Takes inputs alone, or inputs followed by the proxy's response. */
  readonly encoder: ResponseModel;
  /** The student of G: takes inputs. */
  readonly proxy: ResponseModel;
}

/** Its own answer to its own batch, and whom its gate would ask. */
export interface Prepared {
  /** f_i `[size, width]` */
  readonly own: Float64Array;
  readonly choice: GateChoice;
}

/** What came back for a batch. */
export interface Received {
  /** F `[size, peers, width]`, the own response included; zeros where nobody was asked or nobody answered. */
  readonly responses: Float64Array;
  /** `[size, peers]`; 1 where the peer, or its student, answered. */
  readonly answered: Int32Array;
}

/** Mean losses of one training step, in nats except the proxy's squared error. */
export interface StepLosses {
  readonly head: number;
  readonly own: number;
  readonly gate: number;
  readonly proxy: number;
}

/** What training on the responses gave. */
export interface Lesson {
  readonly losses: Omit<StepLosses, 'proxy'>;
  /** dL/dF `[size, peers, width]`, to be sent back to the peers. */
  readonly gradient: Float64Array;
  /** G(x) `[size, width]`: what the proxy learns next. */
  readonly mixture: Float64Array;
}

/** How a batch looks through the gate, untrained. */
export interface View extends GateMixture {
  /** m_ij f_j(x) `[size, peers, width]`. */
  readonly masked: Float64Array;
  /** What the readout makes of G(x), `[size, outputs]`. */
  readonly outputs: Float64Array;
}

/** What it reaches on held-out samples: with all responses, its own alone, through the gate, and with the proxy in the gate's place. */
export interface Evaluation {
  readonly head: Scored;
  readonly own: Scored;
  readonly gate: Scored;
  readonly proxy: Scored;
}

/** Streams of random numbers of a participant: family, index, purpose. */
const STREAM_FAMILY = 1;
const STREAM = { head: 1, own: 2, readout: 3, order: 4, gate: 5 } as const;

export class Participant {
  readonly index: number;
  readonly name: string;
  readonly data: Samples;
  readonly encoder: ResponseModel;
  readonly proxy: ResponseModel;
  readonly head: DenseNet;
  /** Reads G(x). */
  readonly readout: DenseNet;
  readonly #own: DenseNet;
  readonly #gate: TrainableGate;
  readonly #settings: ParticipantSettings;
  #order: Uint32Array = new Uint32Array(0);
  #position = 0;
  #epoch = 0;

  constructor(parts: ParticipantParts, settings: ParticipantSettings) {
    const { index } = parts;
    this.index = index;
    this.name = parts.name;
    this.data = parts.data;
    this.encoder = parts.encoder;
    this.proxy = parts.proxy;
    this.#settings = settings;
    const { peers, width, outputs, headHidden, headRate, gateRate, readoutRate, weightDecay, seed, backend } = settings;
    const reader = (widths: readonly number[], learningRate: number, purpose: number) =>
      DenseNet.random({
        widths,
        activation: 'relu',
        outputActivation: 'identity',
        seed,
        stream: [STREAM_FAMILY, index, purpose],
        optimiser: { learningRate, weightDecay },
        backend,
      });
    this.head = reader([peers * width, headHidden, outputs], headRate, STREAM.head);
    this.#own = reader([width, outputs], readoutRate, STREAM.own);
    this.readout = reader([width, outputs], readoutRate, STREAM.readout);
    this.#gate = createGate(settings.gate, {
      peers,
      contextWidth: width,
      closed: [index],
      optimiser: { learningRate: gateRate, weightDecay },
      seed,
      stream: [STREAM_FAMILY, index, STREAM.gate],
      backend,
    });
  }

  /** The next batch of its own samples, epoch by epoch in a seeded order. */
  nextBatch(size: number): Samples {
    const rows = new Uint32Array(size);
    for (let row = 0; row < size; row++) {
      if (this.#position === this.#order.length) {
        this.#order = this.#shuffled(this.#epoch++);
        this.#position = 0;
      }
      rows[row] = this.#order[this.#position++];
    }
    return pickSamples(this.data, rows);
  }

  /** Answers a query `[batch, inputWidth]` with f_i `[batch, width]`, from its own proxy and encoder alone. */
  async answer(inputs: Float32Array, batch: number): Promise<Float32Array> {
    return this.encoder.respond(await this.#encoderInputs(inputs, batch), batch);
  }

  /** Before it asks: its own answer, and whom its gate chooses for each sample. */
  async prepare(batch: Samples, training: boolean): Promise<Prepared> {
    const own = Float64Array.from(await this.answer(batch.inputs, batch.size));
    return { own, choice: this.#gate.choose(own, batch.size, training) };
  }

  /**
   * Step 3: masks what came back and trains head, gate and readouts on it. Nothing that peers see changes yet.
   * @param maskRow its row m_i of the competition mask (7), `[peers]`
   */
  receive(batch: Samples, { own, choice }: Prepared, { responses, answered }: Received, maskRow: Float64Array): Lesson {
    const { peers, width } = this.#settings;
    const masked = applyMask(responses, maskRow, width);
    const head = this.head.learnTargets(masked, batch.targets, batch.size);
    const alone = this.#own.learnTargets(own, batch.targets, batch.size);
    const mixed = this.#gate.mix(choice, masked, answered);
    const readout = this.readout.learnTargets(mixed.mixture, batch.targets, batch.size);
    const throughGate = this.#gate.learn(choice, masked, mixed.shares, readout.gradient);
    const gradient = applyMask(
      head.gradient.map((g, at) => g + throughGate[at]),
      maskRow,
      width,
    );
    for (let b = 0; b < batch.size; b++) {
      for (let m = 0; m < width; m++) gradient[(b * peers + this.index) * width + m] += alone.gradient[b * width + m];
    }
    return { losses: { head: head.loss, own: alone.loss, gate: readout.loss }, gradient, mixture: mixed.mixture };
  }

  /** Step 3, on the other side: trains f_i on the gradients its askers returned, `[batch, width]`. */
  async learn(inputs: Float32Array, gradient: Float32Array, batch: number): Promise<void> {
    if (this.encoder.train === undefined) return;
    await this.encoder.train(await this.#encoderInputs(inputs, batch), gradient, batch);
  }

  /**
   * Distils the mixture, held fixed, into the proxy: the divergence of the outputs that the readout makes of both, the targets where there are classes, and the
   * squared error of the response. Without classes it is the squared error alone.
   * @returns the mean squared error of the proxy's response
   */
  async distil({ inputs, size, targets }: Samples, mixture: Float64Array): Promise<number> {
    const student = Float64Array.from(await this.proxy.respond(inputs, size));
    const classes = targets.loss === 'softmaxCrossEntropy' ? { readout: this.readout, labels: targets.labels } : {};
    const { gradient, response } = studentLesson(student, { target: mixture, batch: size, ...classes }, this.#settings.distillation);
    await this.proxy.train?.(inputs, Float32Array.from(gradient), size);
    return response;
  }

  /** What its gate and readout make of what came back; nothing is trained. */
  view(batch: Samples, { choice }: Prepared, { responses, answered }: Received, maskRow: Float64Array): View {
    const masked = applyMask(responses, maskRow, this.#settings.width);
    const mixed = this.#gate.mix(choice, masked, answered);
    return { ...mixed, masked, outputs: this.readout.forward(mixed.mixture, batch.size) };
  }

  /** Step 6: what it reaches on held-out samples with the network's responses, and without the network. */
  async verify(batch: Samples, received: Received, maskRow: Float64Array): Promise<Evaluation> {
    const prepared = await this.prepare(batch, false);
    const { masked, outputs } = this.view(batch, prepared, received, maskRow);
    const student = Float64Array.from(await this.proxy.respond(batch.inputs, batch.size));
    return {
      head: score(this.head.forward(masked, batch.size), batch),
      own: score(this.#own.forward(prepared.own, batch.size), batch),
      gate: score(outputs, batch),
      proxy: score(this.readout.forward(student, batch.size), batch),
    };
  }

  /** Everything it has learnt, and its place in its data. */
  async save(): Promise<Saved> {
    return {
      position: this.#position,
      epoch: this.#epoch,
      head: this.head.save(),
      own: this.#own.save(),
      readout: this.readout.save(),
      gate: this.#gate.save(),
      encoder: (await this.encoder.save?.()) ?? {},
      proxy: (await this.proxy.save?.()) ?? {},
    };
  }

  /** Takes up a saved state. @throws InputError when it was saved by a participant of other sizes */
  async restore(saved: Saved): Promise<void> {
    const parts = partsOf(saved);
    this.#epoch = numberIn(parts, 'epoch');
    this.#position = numberIn(parts, 'position');
    this.#order = this.#epoch === 0 ? new Uint32Array(0) : this.#shuffled(this.#epoch - 1);
    this.head.restore(parts['head'] ?? {});
    this.#own.restore(parts['own'] ?? {});
    this.readout.restore(parts['readout'] ?? {});
    this.#gate.restore(parts['gate'] ?? {});
    await this.encoder.restore?.(parts['encoder'] ?? {});
    await this.proxy.restore?.(parts['proxy'] ?? {});
  }

  /** Releases the models. */
  dispose(): void {
    this.encoder.dispose();
    this.proxy.dispose();
  }

  #shuffled(epoch: number): Uint32Array {
    return permutation(this.#settings.seed, [STREAM_FAMILY, this.index, STREAM.order, epoch], this.data.size);
  }

  async #encoderInputs(inputs: Float32Array, batch: number): Promise<Float32Array> {
    const given = inputWidthOf(this.data);
    const total = this.encoder.inputWidth;
    if (total === given) return inputs;
    const context = await this.proxy.respond(inputs, batch);
    const extra = total - given;
    const joined = new Float32Array(batch * total);
    for (let b = 0; b < batch; b++) {
      joined.set(inputs.subarray(b * given, (b + 1) * given), b * total);
      joined.set(context.subarray(b * extra, (b + 1) * extra), b * total + given);
    }
    return joined;
  }
}

/** F_W: every response block scaled by how far the mask opens its peer (7). */
export function applyMask(responses: Float64Array, maskRow: Float64Array, width: number): Float64Array {
  const masked = new Float64Array(responses.length);
  for (let at = 0; at < masked.length; at++) masked[at] = maskRow[Math.floor(at / width) % maskRow.length] * responses[at];
  return masked;
}

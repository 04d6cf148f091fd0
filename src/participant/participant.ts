/**
 * One participant of the network: what it owns and has learnt (section 1.6). When it does what is in run/participant-run.ts.
 *
 * Its state is explicit: its data, an encoder f_i that answers queries, a head over the masked responses of all peers, a gate G over them, a readout of G and one of
 * its own response, and a proxy distilled from G. Its encoder sees [x, proxy(x)], so an answer stands on what the network knew without asking any further (depth 1).
 */
import type { Evaluation, Lesson, ParticipantParts, ParticipantSettings, Prepared, Received, View } from './contract.js';
import { permutation } from './draw.js';
import { createGate } from './gates/gate.js';
import type { TrainableGate } from './gates/mixture.js';
import { DenseNet } from './models/dense-net.js';
import type { ResponseModel } from './models/model.js';
import { inputWidthOf, pickSamples, type Samples, score } from './samples.js';
import { numberIn, partsOf, type Saved } from './saved.js';
import { studentLesson } from './students/student.js';

export type * from './contract.js';

/** Streams of random numbers of a participant: family, index, purpose. */
const STREAM_FAMILY = 1;
const STREAM = { head: 1, own: 2, readout: 3, order: 4, gate: 5 } as const;

/**
 * A model with its data and its loss, and all that it learns about its peers. It holds no network: what peers answered is given to it, and the gradients that they are
 * owed are what it returns. `ParticipantRun` says when it does what.
 *
 * @throws InputError BTM_DOMAIN when the gate asks more peers than there are
 * @numerics heads, readouts and gate in f64, the same bits on every processor; encoder and proxy as their engines compute, f32 at the boundary
 * @paper section 1.6; (7) for the mask, R-18 for the gate, R-19 for the proxy
 * @example
 * ```ts
 * import { createBackend } from 'intermodel';
 * import { Participant, participantSettings, plainModel, resolveSettings } from 'intermodel/participant';
 * const model = () => plainModel({ inputWidth: 2, width: 1, respond: (x) => x.filter((_, at) => at % 2 === 0) });
 * const data = { size: 2, inputs: Float32Array.of(1, 0, 0, 1), targets: { loss: 'squaredError', targets: Float64Array.of(1, 0) } } as const;
 * const settings = resolveSettings({ participants: 2, width: 1 });
 * const backend = createBackend({ kind: 'reference' });
 * const participant = new Participant(
 *   { index: 0, name: 'first', data, encoder: model(), proxy: model() },
 *   participantSettings(settings, { outputs: 1, seed: 1, backend }),
 * );
 * console.log(await participant.answer(data.inputs, 2)); // Float32Array [ 1, 0 ]
 * ```
 */
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

  /**
   * The next batch of its own samples, epoch by epoch in a seeded order.
   *
   * @param size samples; an epoch that ends within the batch is followed by the next
   */
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

  /**
   * Answers a query from its own proxy and encoder alone (depth 1).
   *
   * @param inputs `[batch, inputWidth]`; not changed
   * @param batch samples
   * @returns f_i `[batch, width]`, a fresh array
   */
  async answer(inputs: Float32Array, batch: number): Promise<Float32Array> {
    const { encoder } = this;
    const context = await this.#context(inputs, batch);
    if (context === null) return encoder.respond(inputs, batch);
    if (encoder.split !== undefined) return encoder.split.respond(inputs, context, batch);
    return encoder.respond(joined(inputs, context, batch), batch);
  }

  /** Before it asks: its own answer, and whom its gate chooses for each sample. */
  async prepare(batch: Samples, training: boolean): Promise<Prepared> {
    const own = Float64Array.from(await this.answer(batch.inputs, batch.size));
    return { own, choice: this.#gate.choose(own, batch.size, training) };
  }

  /**
   * Step 3: masks what came back and trains head, gate and readouts on it. Nothing that peers see changes yet.
   *
   * @param batch its own samples
   * @param received what came back, F `[size, peers, width]` with zeros where none answered
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

  /**
   * Step 3, on the other side: trains f_i on the gradients its askers returned, one step on all of them. Nothing happens to an encoder that does not learn.
   *
   * @param inputs `[batch, inputWidth]`, what was asked, asker after asker
   * @param gradient `[batch, width]`, dL/df of each asker's loss, scaled by its mask
   */
  async learn(inputs: Float32Array, gradient: Float32Array, batch: number): Promise<void> {
    const { encoder } = this;
    if (encoder.train === undefined) return;
    const context = await this.#context(inputs, batch);
    if (context === null) await encoder.train(inputs, gradient, batch);
    else if (encoder.split !== undefined) await encoder.split.train(inputs, context, gradient, batch);
    else await encoder.train(joined(inputs, context, batch), gradient, batch);
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

  /**
   * Step 6: what it reaches on held-out samples with the network's responses, and without the network. Nothing is trained.
   *
   * @returns mean losses (nats, or the squared error), and shares of right classes where there are classes
   */
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

  /** What its encoder sees beside the inputs: its proxy's answer, or null for an encoder that takes inputs alone. */
  async #context(inputs: Float32Array, batch: number): Promise<Float32Array | null> {
    return this.encoder.inputWidth === inputWidthOf(this.data) ? null : this.proxy.respond(inputs, batch);
  }
}

/** Both parts of every sample side by side. */
function joined(inputs: Float32Array, context: Float32Array, batch: number): Float32Array {
  const [given, extra] = [inputs.length / batch, context.length / batch];
  const total = given + extra;
  const both = new Float32Array(batch * total);
  for (let b = 0; b < batch; b++) {
    both.set(inputs.subarray(b * given, (b + 1) * given), b * total);
    both.set(context.subarray(b * extra, (b + 1) * extra), b * total + given);
  }
  return both;
}

/** F_W: every response block scaled by how far the mask opens its peer (7). */
export function applyMask(responses: Float64Array, maskRow: Float64Array, width: number): Float64Array {
  const masked = new Float64Array(responses.length);
  for (let at = 0; at < masked.length; at++) masked[at] = maskRow[Math.floor(at / width) % maskRow.length] * responses[at];
  return masked;
}

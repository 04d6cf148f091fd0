/**
 * A participant that asks only the peers its gate chooses (steps 1 to 6 of section 1.6 over a network), and that can leave the network (section 1.7).
 *
 * It keeps two students. The proxy learns G(x), its own gating ensemble: its encoder answers from [x, proxy(x)], so queries never recurse (Figure 3), and it validates
 * offline through it. The understudy learns the participant's own answers from the queries it serves: it is what peers fetch and use in its position while it is away.
 */
import type { Backend } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import type { Shard } from '../data/shards.js';
import { createIdentity, type Identity, Network, type PeerKey, type Transport } from '../network/index.js';
import { DenseNet } from './dense-net.js';
import { permutation } from './draw.js';
import { createGate } from './gate.js';
import type { GateChoice, GateMixture, TrainableGate } from './mixture.js';
import { askChosen, type RoutedQuery, type RoutedResponses, returnGradients } from './routing.js';
import { labelsOf, pickSamples, type Samples, samplesOf } from './samples.js';
import { StudentOffer, StudentShelf } from './shelf.js';
import { type DistillationObjective, distilStep } from './student.js';
import { encodeStudent } from './student-file.js';

/** Settings that all participants of a run share. */
export interface GatedSettings {
  readonly peers: number;
  readonly width: number;
  readonly classes: number;
  readonly hidden: number;
  readonly studentHidden: number;
  /** 'sparse' scores every peer; 'productKey' finds the best from two codebooks, without noise and balance. */
  readonly gate: 'sparse' | 'productKey';
  /** Peers asked per sample. */
  readonly k: number;
  readonly balance: number;
  readonly noise: number;
  readonly learningRate: number;
  readonly objective: DistillationObjective;
  readonly seed: number;
  readonly backend?: Backend;
}

/** What one training step measured: mean losses. */
export interface GatedStep {
  readonly loss: number;
  readonly own: number;
  /** Of the proxy: its class logits against those of G(x), and against the labels. */
  readonly proxy: number;
}

/** What a batch looks like from one participant. */
export interface GatedView {
  readonly choice: GateChoice;
  readonly answers: RoutedResponses;
  readonly mixed: GateMixture;
  /** Class logits through G(x), `[size, classes]`. */
  readonly logits: Float64Array;
}

const FAMILY = 8;
const STREAM = { encoder: 1, proxy: 2, understudy: 3, readout: 4, own: 5, order: 6, gate: 7 } as const;

/** Waits this long for a peer in a run on one machine; a peer that is gone is noticed at once. */
const DEADLINE_MS = 60_000;

export class GatedParticipant {
  readonly identity: Identity;
  readonly encoder: DenseNet;
  readonly proxy: DenseNet;
  readonly understudy: DenseNet;
  readonly readout: DenseNet;
  readonly gate: TrainableGate;
  readonly shelf: StudentShelf;
  readonly offer = new StudentOffer();
  readonly #own: DenseNet;
  #leaver: DenseNet | undefined;
  #network: Network | null = null;
  #peers: readonly PeerKey[] = [];
  #order: Uint32Array = new Uint32Array(0);
  #position = 0;
  #epoch = 0;

  constructor(
    readonly index: number,
    readonly shard: Shard,
    readonly settings: GatedSettings,
  ) {
    const { width, classes, hidden, studentHidden, seed, learningRate, backend } = settings;
    const { pixels } = shard;
    const key = new Uint8Array(32).fill(index % 256);
    new DataView(key.buffer).setFloat64(0, seed);
    this.identity = createIdentity(key);
    const optimiser = { learningRate };
    const net = (stream: number, widths: readonly number[], outputActivation: 'tanh' | 'identity'): DenseNet =>
      DenseNet.random({
        widths,
        activation: 'relu',
        outputActivation,
        seed,
        stream: [FAMILY, index, stream],
        optimiser,
        ...(backend === undefined ? {} : { backend }),
      });
    this.encoder = net(STREAM.encoder, [pixels + width, hidden, width], 'tanh');
    this.proxy = net(STREAM.proxy, [pixels, studentHidden, width], 'identity');
    this.understudy = net(STREAM.understudy, [pixels, studentHidden, width], 'tanh');
    this.readout = net(STREAM.readout, [width, classes], 'identity');
    this.#own = net(STREAM.own, [width, classes], 'identity');
    this.shelf = new StudentShelf({ inputWidth: pixels, width });
    this.gate = gateOf(index, settings);
  }

  /** Joins a network: serves answers, gradients and its understudy, and follows what others publish. */
  connect(transport: Transport, peers: readonly PeerKey[]): Network {
    const { pixels } = this.shard;
    const { width } = this.settings;
    this.#peers = peers;
    this.#network = new Network({
      transport,
      // A run on one machine decides itself who is gone; bans by the clock would make its results depend on the machine.
      bans: { threshold: Number.MAX_SAFE_INTEGER },
      service: {
        stakeOf: () => 1n,
        sampleShape: [pixels],
        width,
        handlers: {
          query: ({ shape, data }) => ({ shape: [shape[0], width], data: Float32Array.from(this.answer(data, shape[0])) }),
          backward: (input, gradient) => {
            this.#learnFromAsker(input.data, gradient.data, input.shape[0]);
            return null;
          },
          calls: this.offer.calls,
        },
      },
    });
    this.shelf.follow(this.#network);
    return this.#network;
  }

  /** The network, while connected. */
  get network(): Network | null {
    return this.#network;
  }

  /** Leaves the network completely: nothing is asked and nothing is served from here on. */
  async disconnect(): Promise<void> {
    await this.#network?.close();
    this.#network = null;
  }

  /** f(x): its answer to a query, from its own proxy and encoder alone. */
  answer(inputs: Float32Array, batch: number): Float64Array {
    return this.encoder.forward(this.#encoderInputs(inputs, batch), batch);
  }

  /** The next batch of its own samples, epoch by epoch in a seeded order. */
  nextBatch(size: number): Samples {
    const rows = new Uint32Array(size);
    for (let row = 0; row < size; row++) {
      if (this.#position === this.#order.length) {
        this.#order = permutation(this.settings.seed, [FAMILY, this.index, STREAM.order, this.#epoch++], this.shard.samples);
        this.#position = 0;
      }
      rows[row] = this.#order[this.#position++];
    }
    return pickSamples(samplesOf(this.shard), rows);
  }

  /** One round: asks the chosen, learns from its loss, sends gradients back, distils the mixture into the proxy. */
  async step(batch: Samples): Promise<GatedStep> {
    const context = this.#encoderInputs(batch.inputs, batch.size);
    const own = this.encoder.forward(context, batch.size);
    const alone = this.#own.learnTruth(own, batch.truth, batch.size);
    const { query, choice, answers, mixed } = await this.#ask(batch, own, true);
    const { loss, gradient } = this.readout.learnTruth(mixed.mixture, batch.truth, batch.size);
    const toPeers = this.gate.learn(choice, answers.responses, mixed.shares, gradient);
    await returnGradients(query, answers, toPeers);
    this.encoder.learn(context, alone.gradient, batch.size);
    return { loss, own: alone.loss, proxy: this.#distil(this.proxy, batch, mixed.mixture) };
  }

  /**
   * One step of distillation alone: asks for G(x) and moves the student that it will leave with, which starts as the proxy. Nothing that others see changes.
   * @param rate scales the learning rate of this step
   * @returns the loss of its class logits before the step
   */
  async distil(batch: Samples, rate = 1): Promise<number> {
    this.#leaver ??= this.proxy.copy({ learningRate: this.settings.learningRate });
    const { mixed } = await this.#ask(batch, this.answer(batch.inputs, batch.size), false);
    return this.#distil(this.#leaver, batch, mixed.mixture, rate);
  }

  /** A batch through the network, without training. */
  async view(batch: Samples, useStudents: boolean): Promise<GatedView> {
    const own = this.answer(batch.inputs, batch.size);
    const { choice, answers, mixed } = await this.#ask(batch, own, false, useStudents);
    return { choice, answers, mixed, logits: this.readout.forward(mixed.mixture, batch.size) };
  }

  /** The student of G(x) that it would leave the network with. */
  get student(): DenseNet {
    return this.#leaver ?? this.proxy;
  }

  /** A batch through the own student: no network. */
  offline(batch: Samples): Float64Array {
    return this.readout.forward(this.student.forward(batch.inputs, batch.size), batch.size);
  }

  /** Publishes its understudy; returns the content hash. */
  async publish(): Promise<string> {
    return this.offer.publish(this.#connected(), encodeStudent(this.understudy));
  }

  #connected(): Network {
    if (this.#network === null) {
      throw new InputError('BTM_DOMAIN', 'is not connected', {
        argument: 'participant',
        value: this.index,
        remedy: 'Call connect() first.',
      });
    }
    return this.#network;
  }

  async #ask(batch: Samples, context: Float64Array, training: boolean, useStudents = true) {
    const choice = this.gate.choose(context, batch.size, training);
    const query: RoutedQuery = {
      network: this.#connected(),
      peers: this.#peers,
      inputs: batch.inputs,
      batch: batch.size,
      width: this.settings.width,
      selected: choice.selected,
      deadline_ms: DEADLINE_MS,
      ...(useStudents ? { shelf: this.shelf } : {}),
    };
    const answers = await askChosen(query);
    return { query, choice, answers, mixed: this.gate.mix(choice, answers.responses, answers.answered) };
  }

  #distil(student: DenseNet, batch: Samples, mixture: Float64Array, rate = 1): number {
    const given = { inputs: batch.inputs, target: mixture, batch: batch.size, readout: this.readout, labels: labelsOf(batch) };
    return distilStep(student, given, this.settings.objective, rate).logits;
  }

  /** The serving side of a training step: the encoder learns from the asker's gradient, the understudy from what was answered. */
  #learnFromAsker(inputs: Float32Array, gradient: Float32Array, batch: number): void {
    const context = this.#encoderInputs(inputs, batch);
    const target = this.encoder.forward(context, batch);
    this.encoder.learn(context, gradient, batch);
    distilStep(this.understudy, { inputs, target, batch }, this.settings.objective);
  }

  #encoderInputs(inputs: Float32Array, batch: number): Float64Array {
    const { pixels } = this.shard;
    const { width } = this.settings;
    const known = this.proxy.forward(inputs, batch);
    const joined = new Float64Array(batch * (pixels + width));
    for (let b = 0; b < batch; b++) {
      joined.set(inputs.subarray(b * pixels, (b + 1) * pixels), b * (pixels + width));
      joined.set(known.subarray(b * width, (b + 1) * width), b * (pixels + width) + pixels);
    }
    return joined;
  }
}

function gateOf(index: number, settings: GatedSettings): TrainableGate {
  const { peers, width, learningRate, seed, backend } = settings;
  const { gate: kind, k, balance, noise } = settings;
  return createGate(
    { kind, k, balance, noise },
    {
      peers,
      contextWidth: width,
      closed: [index],
      optimiser: { learningRate },
      seed,
      stream: [FAMILY, index, STREAM.gate],
      ...(backend === undefined ? {} : { backend }),
    },
  );
}

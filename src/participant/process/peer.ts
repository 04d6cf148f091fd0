/** One participant in a process of its own: joins, trains, measures, writes its row, and tells the result. */
import { type Backend, createBackend } from '../../backend/index.js';
import { competitionMask } from '../../competition.js';
import { type DigitData, loadMnist } from '../../data/dataset.js';
import type { Shard } from '../../data/shards.js';
import { encodeTransaction } from '../../ledger/encoding.js';
import {
  type Action,
  boundedStep,
  createKey,
  type Ledger,
  ROW_PARTS,
  rowToParts,
  type SigningKey,
  signTransaction,
  TOKEN,
} from '../../ledger/index.js';
import { createIdentity, type PeerKey } from '../../network/index.js';
import { buildCast, type CastMember } from '../cast.js';
import { type Measurement, measure, measureRow } from '../measure.js';
import { plainModel } from '../model.js';
import { applyOpening, Participant, type StepLosses } from '../participant.js';
import { buildPopulation } from '../population.js';
import { settleHead } from '../settle.js';
import { loadTensorflow } from '../tensorflow.js';
import type { PeerConfig } from './config.js';
import { type Answers, Link } from './link.js';
import { ask, type BarrierAnswer, type BarrierRequest, CALL, type PeerResult } from './messages.js';
import { openReplica } from './replica.js';

/** What a participant measured, before the books are closed. */
type Measured = Omit<PeerResult, 'traffic' | 'service' | 'processor_s' | 'memory_mb'>;

/** Where a process is in its run. */
export type PeerPhase = 'joining' | 'training' | 'settling' | 'measuring' | 'closing' | 'done';

/** Progress of this process. */
export interface PeerHooks {
  readonly onProgress?: (phase: PeerPhase, done: number, total: number) => void;
}

/** The random stream of the last training of the heads; the demonstration in one process uses the same. */
const SETTLE_STREAM = 9;

/** How long a round waits for gradients of peers that answered. */
const GRADIENT_PATIENCE_MS = 30_000;

/**
 * Runs one participant to its end.
 *
 * @param config from {@link readPeerConfig}
 * @param hooks progress
 * @returns what it measured; the sequencer has it too
 * @throws EnvironmentError without tensorflow.js, data, native addon or libp2p, or when the sequencer is silent
 */
export async function runPeer(config: PeerConfig, hooks: PeerHooks = {}): Promise<PeerResult> {
  const run = await PeerRun.join(config, hooks);
  try {
    await run.train();
    await run.settle();
    return await run.close(await run.measure());
  } finally {
    await run.leave();
  }
}

class PeerRun {
  #mask: Float64Array = new Float64Array(0);
  #blocks = 0;
  #telling: Promise<unknown> = Promise.resolve();
  #measured: Measurement | null = null;
  readonly #losses: StepLosses[] = [];

  private constructor(
    private readonly config: PeerConfig,
    private readonly hooks: PeerHooks,
    private readonly link: Link,
    private readonly ledger: Ledger,
    private readonly participant: Participant,
    private readonly validation: Shard,
    private readonly data: PeerResult['data'],
    private readonly engine: { readonly name: string; readonly version: string },
    private readonly backend: Backend,
  ) {}

  /** Models, connection, replica; tells the ledger its address; waits for the others. */
  static async join(config: PeerConfig, hooks: PeerHooks): Promise<PeerRun> {
    hooks.onProgress?.('joining', 0, 3);
    const { settings, seed, index } = config;
    const { kind, isa } = config.backend;
    const backend = createBackend({ kind, threads: 1, ...(isa === undefined ? {} : { isa }) });
    const engine = await loadTensorflow(config.tensorflow);
    const data = await loadMnist();
    const cast = buildCast({ participants: settings.participants, classes: data.train.classes, largestShard: settings.largestShard, seed });
    const population = buildPopulation({ cast, data, settings, seed, tf: engine.tf, backend });
    hooks.onProgress?.('joining', 1, 3);

    const { width } = settings;
    const validation = population.validation[index];
    const identity = createIdentity(Buffer.from(config.identity, 'hex'));
    let ledger: Ledger | null = null;
    const link = await Link.start({
      identity,
      listen: config.listen,
      wire: config.wire,
      stakeOf: (key) => ledger?.state().stake(key) ?? 0n,
      pixels: validation.pixels,
      width,
    });
    try {
      await link.transport.introduce(config.sequencer.key, config.sequencer.addresses);
      ledger = await openReplica(link.network, config.sequencer.key);
      const own = playedBy(population.participants[index], cast, link, { config, classes: data.train.classes, backend });
      link.serve(
        own,
        ledger
          .state()
          .participants()
          .map((participant) => participant.key),
      );
      const run = new PeerRun(config, hooks, link, ledger, own, validation, describeData(data), engine, backend);
      hooks.onProgress?.('joining', 2, 3);
      await run.#introduceEverybody();
      hooks.onProgress?.('joining', 3, 3);
      return run;
    } catch (error) {
      await link.network.close(); // an open socket would keep the process alive
      throw error;
    }
  }

  /** Rounds of queries, responses and gradients; every few rounds a measured row goes to the ledger and a block closes. */
  async train(): Promise<void> {
    const { rounds, blocks, batch: size, blockValidation } = this.config.settings;
    for (let round = 1; round <= rounds; round++) {
      await this.#round(size);
      const due = Math.floor((round * blocks) / rounds);
      if (due > this.#blocks) {
        const { raw, answered } = await this.#onValidation(blockValidation);
        await this.#submitRow(measureRow(this.#measureCall(raw, answered, blockValidation)));
        await this.#block(round);
        this.#blocks = due;
      }
      this.#progress('training', round, rounds);
    }
  }

  /** Trains the head close to its minimum under the final mask; nobody's encoder moves any more. */
  async settle(): Promise<void> {
    await this.#barrier({ name: 'trained', round: this.config.settings.rounds, close: false });
    const { settleSamples, settleSteps, settleBatch, width } = this.config.settings;
    const { shard, index } = this.participant;
    const samples = Math.min(settleSamples, shard.samples);
    const { responses, answered } = await this.link.askAll(this.participant, shard.inputs.subarray(0, samples * shard.pixels), samples);
    settleHead(this.participant.head, {
      responses: applyOpening(responses, this.#opening(answered), width),
      labels: shard.labels.subarray(0, samples),
      steps: settleSteps,
      batch: settleBatch,
      seed: this.config.seed,
      stream: [SETTLE_STREAM, index],
    });
    this.#progress('settling', 1, 1);
    await this.#barrier({ name: 'settled', round: this.config.settings.rounds, close: false });
  }

  /** The measurement proper, and step 6: what it reaches on samples nobody trained on. */
  async measure(): Promise<Measured> {
    const { participant, validation } = this;
    const limit = this.config.settings.validation;
    const { raw, answered } = await this.#onValidation(limit);
    this.#progress('measuring', 1, 2);
    const measured = measure(this.#measureCall(raw, answered, limit));
    this.#measured = measured;
    const batch = { size: validation.samples, inputs: validation.inputs, labels: validation.labels };
    const reached = await participant.verify(batch, raw, this.#opening(answered));
    const logits = participant.head.logits(applyOpening(raw, this.#opening(answered), this.config.settings.width), batch.size);
    this.#progress('measuring', 2, 2);
    const { ideal, ablation, shapley, gram, linearShare } = measured;
    return {
      index: participant.index,
      encoder: participant.encoder.description,
      trainSamples: participant.shard.samples,
      validationSamples: validation.samples,
      measurement: { ideal: [...ideal], ablation: [...ablation], shapley: [...shapley], gram: [...gram], linearShare },
      reached,
      mask: [...this.#opening(answered)],
      validationLoss: crossEntropy(logits, validation.labels),
      losses: this.#losses.map(({ head, own, gate, proxy }) => [head, own, gate, proxy]),
      data: this.data,
      encoderBackend: { name: this.engine.name, version: this.engine.version },
    };
  }

  /** Moves its row to what it measured, block by block; a last block pays for it. */
  async close(measured: Measured): Promise<PeerResult> {
    const { closingBlocks, rounds } = this.config.settings;
    for (let block = 1; block <= closingBlocks + 1; block++) {
      if (block <= closingBlocks && this.#measured !== null) await this.#submitRow(this.#measured.ideal);
      await this.#block(rounds);
      this.#progress('closing', block, closingBlocks + 1);
    }
    await this.#telling; // nobody asks anybody any more: the counters below are of calls that have ended
    const usage = process.resourceUsage();
    const result: PeerResult = {
      ...measured,
      traffic: [...this.link.network.traffic()],
      service: this.link.network.serviceCounters(),
      processor_s: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
      memory_mb: usage.maxRSS / 1024,
    };
    await ask(this.link.network, this.config.sequencer.key, CALL.result, result);
    await this.#barrier({ name: 'done', round: rounds, close: false }); // until then it goes on answering
    this.#progress('done', 1, 1);
    return result;
  }

  async leave(): Promise<void> {
    this.participant.dispose();
    await this.link.network.close();
  }

  /** Steps 2 and 3 of section 1.6. */
  async #round(size: number): Promise<void> {
    const { participant, link } = this;
    const { width } = this.config.settings;
    const batch = participant.nextBatch(size);
    const { responses, answered } = await link.askAll(participant, batch.inputs, size);
    const { losses, gradient } = await participant.receive(batch, responses, this.#opening(answered));
    this.#losses.push(losses);
    await link.sendBack(batch.inputs, size, gradient, answered);
    const peers = this.#keys();
    const expected = peers.filter((key, peer) => key !== link.network.self && answered[peer] === 1);
    const returned = await link.inbox.collect(expected, GRADIENT_PATIENCE_MS);
    const parts = [{ inputs: batch.inputs, gradient: ownSlice(gradient, size, peers.length, width, participant.index) }];
    for (const key of peers) {
      const one = returned.get(key);
      if (one !== undefined) parts.push({ inputs: one.input.data, gradient: one.gradient.data });
    }
    await participant.learn(concat(parts.map((part) => part.inputs)), concat(parts.map((part) => part.gradient)), parts.length * size);
  }

  /** Its address goes on the ledger, and everybody's comes from there. */
  async #introduceEverybody(): Promise<void> {
    await this.#submit({ kind: 'setEndpoint', endpoint: this.link.transport.addresses()[0] });
    await this.#block(0);
    for (const { key, endpoint } of this.ledger.state().participants()) {
      if (key !== this.link.network.self && endpoint !== '') await this.link.transport.introduce(key, [endpoint]);
    }
  }

  async #onValidation(limit: number): Promise<{ raw: Float64Array; answered: Uint8Array }> {
    const samples = Math.min(limit, this.validation.samples);
    const inputs = this.validation.inputs.subarray(0, samples * this.validation.pixels);
    const { responses, answered }: Answers = await this.link.askAll(this.participant, inputs, samples);
    return { raw: responses, answered };
  }

  #measureCall(raw: Float64Array, answered: Uint8Array, limit: number) {
    const { settings, seed } = this.config;
    return {
      head: this.participant.head.parameters,
      responses: applyOpening(raw, this.#opening(answered), settings.width),
      labels: this.validation.labels.subarray(0, Math.min(limit, this.validation.samples)),
      peers: settings.participants,
      width: settings.width,
      estimator: settings.estimator,
      seed,
      backend: this.backend,
    };
  }

  /** Its row of the competition mask; closed for those that did not answer. */
  #opening(answered: Uint8Array): Float64Array {
    const n = this.config.settings.participants;
    const row = this.#mask.slice(this.participant.index * n, (this.participant.index + 1) * n);
    return row.map((open, peer) => (answered[peer] === 1 ? open : 0));
  }

  /** A bounded step of its row towards these scores; negative estimates count as nothing. */
  async #submitRow(scores: Float64Array): Promise<void> {
    const positive = scores.map((score) => Math.max(0, score));
    if (!positive.some((score) => score > 0)) return; // nothing to say: the row stays
    const state = this.ledger.state();
    const weights = boundedStep(state.denseRow(this.#key().publicKey), rowToParts(positive), state.parameters.epsilon);
    await this.#submit({ kind: 'setWeights', row: { members: state.members, weights } });
  }

  async #submit(action: Action): Promise<void> {
    const key = this.#key();
    const { chain } = this.ledger;
    const tx = signTransaction({ ...action, chain, from: key.publicKey, nonce: this.ledger.state().nonce(key.publicKey) }, key);
    await ask(this.link.network, this.config.sequencer.key, CALL.submit, encodeTransaction(tx));
  }

  /** Waits for the next block, replays it, and masks by it from now on. */
  async #block(round: number): Promise<void> {
    await this.#barrier({ name: `block ${this.ledger.height + 1}`, round, close: true });
    await this.ledger.refresh();
    const state = this.ledger.state();
    const n = this.config.settings.participants;
    const { mask } = competitionMask({
      weights: Float64Array.from(state.weights().parts, (part) => part / ROW_PARTS),
      stake: Float64Array.from(this.#keys(), (key) => Number(state.stake(key)) / Number(TOKEN)),
      temperature: this.config.settings.maskTemperature,
      n,
      backend: this.backend,
    });
    this.#mask = mask;
  }

  async #barrier(request: BarrierRequest): Promise<void> {
    for (;;) {
      const { done } = await ask<BarrierAnswer>(this.link.network, this.config.sequencer.key, CALL.barrier, request);
      if (done) return;
    }
  }

  #progress(phase: PeerPhase, done: number, total: number): void {
    this.hooks.onProgress?.(phase, done, total);
    const telling = ask(this.link.network, this.config.sequencer.key, CALL.progress, { phase, done, total });
    this.#telling = telling.catch(() => {}); // progress is a courtesy: what matters fails on its own
  }

  #keys(): PeerKey[] {
    return this.ledger.state().weights().keys;
  }

  #key(): SigningKey {
    return createKey(Buffer.from(this.config.identity, 'hex'));
  }
}

function describeData({ name, train, test }: DigitData): PeerResult['data'] {
  return { name, samples: train.samples + test.samples, classes: train.classes, height: train.height, width: train.width };
}

interface Stage {
  readonly config: PeerConfig;
  readonly classes: number;
  readonly backend: Backend;
}

/** The participant itself; a copy asks its original over the network, for the one in this process is only a namesake. */
function playedBy(built: Participant, cast: readonly CastMember[], link: Link, { config, classes, backend }: Stage): Participant {
  const { copyOf } = cast[built.index];
  if (copyOf === undefined) return built;
  const { index, name, role, shard, proxy } = built;
  const { width, headHidden, headRate, gateRate, weightDecay } = config.settings;
  const encoder = plainModel({
    inputWidth: shard.pixels,
    width,
    description: `plain function: asks ${cast[copyOf].name} over the network and returns its answer`,
    respond: (inputs, batch) => link.relay(copyOf, inputs, batch),
  });
  const shared = { peers: cast.length, width, classes, headHidden, headRate, gateRate, weightDecay, seed: config.seed, backend };
  return new Participant({ index, name, role, shard, encoder, proxy }, shared);
}

function ownSlice(gradient: Float64Array, samples: number, peers: number, width: number, own: number): Float32Array {
  const slice = new Float32Array(samples * width);
  for (let s = 0; s < samples; s++) {
    const from = (s * peers + own) * width;
    slice.set(gradient.subarray(from, from + width), s * width);
  }
  return slice;
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Mean cross-entropy in nats; only for people to read, so the platform's own exp and log will do. */
function crossEntropy(logits: Float64Array, labels: Int32Array): number {
  const outputs = logits.length / labels.length;
  let total = 0;
  labels.forEach((label, row) => {
    const own = logits.subarray(row * outputs, (row + 1) * outputs);
    const largest = own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = own.reduce((a, b) => a + Math.exp(b - largest), 0);
    total += largest + Math.log(sum) - own[label];
  });
  return total / labels.length;
}

/**
 * The life of a participant on a network, steps 1 to 6 of section 1.6 as a state machine: it joins, trains round by round, settles its head, measures its peers, closes
 * its books. One call of `step` is one transition; between two of them its state can be kept and taken up again.
 *
 * Everybody goes through a round together: all ask, then all learn, then all ask again. So nobody is asked in the middle of a change, and a run gives the same numbers
 * whether its participants share a process or not.
 */
import type { Backend } from '../../backend/index.js';
import { InputError } from '../../core/errors.js';
import { blockOf } from '../../network/index.js';
import { competingRow } from '../competing.js';
import type { DemoSettings } from '../demo/result.js';
import type { DemoEstimator } from '../demo/settings.js';
import { type Measurement, measure, measureRow } from '../measure.js';
import { applyOpening, type Lesson, type Participant, type Reached, type StepLosses, type View } from '../participant.js';
import { firstSamples, type Samples } from '../samples.js';
import { numberIn, partsOf, type Saved } from '../saved.js';
import { settleHead } from '../settle.js';
import type { Understudy } from '../students/understudy.js';
import { type Absence, fill, replaceBlocks } from './absence.js';
import type { Chain } from './chain.js';
import type { Returned } from './inbox.js';
import type { Answers, Link } from './link.js';
import type { LifeResult } from './messages.js';

/** Where a life is. */
export type Phase = 'joining' | 'training' | 'settling' | 'measuring' | 'closing' | 'done';

/** What a participant has behind it. */
export interface LifeState {
  readonly phase: Phase;
  /** Training rounds. */
  readonly round: number;
  /** Blocks while training. */
  readonly blocks: number;
  /** Blocks after the last measurement. */
  readonly closed: number;
}

/** Settings that decide the course of a life; the same for everybody. */
export type LifeSettings = DemoSettings & { readonly estimator: DemoEstimator };

/** What a life is made of. */
export interface LifeParts {
  readonly participant: Participant;
  /** Held-out samples that it measures on. */
  readonly validation: Samples;
  readonly settings: LifeSettings;
  readonly seed: number;
  readonly link: Link;
  readonly chain: Chain;
  readonly backend: Backend;
  /** Where it can be reached. */
  readonly endpoint: string;
  /** Learns to stand in for it. */
  readonly understudy?: Understudy;
  /** A peer wrote another address on the ledger. */
  readonly onEndpoint?: (key: string, endpoint: string) => void | Promise<void>;
  readonly onProgress?: (progress: LifeProgress) => void;
}

/** How far a life is within a phase. */
export interface LifeProgress {
  readonly phase: Phase;
  readonly done: number;
  readonly total: number;
  /** Mean loss of the head, where it was trained. */
  readonly loss?: number;
}

/** A batch through the gate as it stands, and who answered for whom. */
export interface LifeView extends View {
  readonly answers: Answers;
}

/** The random stream of the last training of the heads. */
const SETTLE_STREAM = 9;

export class Life {
  readonly #parts: LifeParts;
  #state: LifeState = { phase: 'joining', round: 0, blocks: 0, closed: 0 };
  #mask: Float64Array = new Float64Array(0);
  #seen: Float64Array | null = null;
  #measured: { readonly measurement: Measurement; readonly reached: Reached; readonly mask: Float64Array } | null = null;
  readonly #away = new Set<number>();
  /** By round; one that was away has none for the rounds it missed. */
  readonly #losses = new Map<number, StepLosses>();
  readonly #absences: Absence[] = [];
  readonly #known = new Map<string, string>();

  constructor(parts: LifeParts) {
    this.#parts = parts;
    parts.link.attach(parts.participant, parts.chain.keys());
  }

  get state(): LifeState {
    return this.#state;
  }

  /** One transition. Returns false when there is nothing left to do. */
  async step(): Promise<boolean> {
    const transitions: Readonly<Record<Phase, () => Promise<void>>> = {
      joining: () => this.#join(),
      training: () => this.#train(),
      settling: () => this.#settle(),
      measuring: () => this.#measure(),
      closing: () => this.#close(),
      done: async () => {},
    };
    await transitions[this.#state.phase]();
    return this.#state.phase !== 'done';
  }

  /** What it measured; null until it has. */
  result(): LifeResult | null {
    if (this.#measured === null) return null;
    const { participant, validation } = this.#parts;
    const { measurement, reached, mask } = this.#measured;
    const { ideal, ablation, shapley, gram, linearShare } = measurement;
    return {
      index: participant.index,
      encoder: participant.encoder.description,
      trainSamples: participant.data.size,
      validationSamples: validation.size,
      measurement: { ideal: [...ideal], ablation: [...ablation], shapley: [...shapley], gram: [...gram], linearShare },
      reached,
      mask: [...mask],
      losses: [...this.#losses].map(([round, { head, own, gate, proxy }]) => [round, head, own, gate, proxy]),
      absences: this.#absences,
    };
  }

  /** Mean losses of every round that it took part in, in order. */
  get losses(): readonly StepLosses[] {
    return [...this.#losses.values()];
  }

  /**
   * Asks whom its gate chooses about a batch, at any time after it has joined; nothing is trained.
   * @param students false leaves zeros where a peer is missing
   */
  async view(batch: Samples, students = true): Promise<LifeView> {
    const { participant, link } = this.#parts;
    const prepared = await participant.prepare(batch, false);
    const answers = await link.ask({ ...batch, own: prepared.own, selected: prepared.choice.selected, students });
    return { ...participant.view(batch, prepared, answers, this.#opening()), answers };
  }

  /** Everything that a restart must not lose. Between two steps only. */
  async save(): Promise<Saved> {
    const { participant, understudy, link, chain } = this.#parts;
    const { round, blocks } = this.#state;
    return {
      chain: Buffer.from(chain.id, 'hex'),
      round,
      blocks,
      losses: [...this.#losses].map(([at, { head, own, gate, proxy }]) => Float64Array.of(at, head, own, gate, proxy)),
      participant: await participant.save(),
      understudy: understudy?.save() ?? {},
      shelf: link.shelf.save(),
    };
  }

  /** Takes up what {@link Life.save} gave, before it joins. @throws InputError when that was on another ledger, or by a participant of other sizes */
  async restore(saved: Saved): Promise<void> {
    const { participant, understudy, link, chain } = this.#parts;
    const parts = partsOf(saved);
    const { chain: kept } = parts;
    if (!(kept instanceof Uint8Array) || Buffer.from(kept).toString('hex') !== chain.id) {
      const remedy = 'Delete the file to begin anew on this ledger, or name another one.';
      throw new InputError('BTM_DOMAIN', 'was kept on another ledger', { argument: 'state', remedy });
    }
    this.#state = { ...this.#state, round: numberIn(parts, 'round'), blocks: numberIn(parts, 'blocks') };
    for (const [at, head, own, gate, proxy] of (parts['losses'] ?? []) as readonly Float64Array[]) {
      this.#losses.set(at, { head, own, gate, proxy });
    }
    await participant.restore(parts['participant'] ?? {});
    understudy?.restore(parts['understudy'] ?? {});
    link.shelf.restore(parts['shelf'] ?? {});
  }

  /** Step 1. Writes its address on the ledger; comes with all the others, or late. */
  async #join(): Promise<void> {
    const { chain, link, endpoint, settings } = this.#parts;
    await chain.submitEndpoint(endpoint);
    if (chain.height === 0) link.open(); // those that are through the first block sooner ask at once
    const late = chain.height > 0 || !(await chain.block(0));
    const round = late ? await chain.rejoin(this.#state.round) : 0;
    await this.#follow();
    link.open();
    this.#go({ phase: 'training', round, blocks: this.#blocksDue(round) });
    this.#progress('joining', 1, 1);
    if (round >= settings.rounds) this.#go({ phase: 'settling' });
  }

  /** Steps 2 to 4: one round of queries, responses and gradients; every few rounds a row for the ledger. */
  async #train(): Promise<void> {
    const { participant, chain, link, settings } = this.#parts;
    const round = this.#state.round + 1;
    const batch = participant.nextBatch(settings.batch);
    const prepared = await participant.prepare(batch, true);
    const everybody = settings.gateK === 0;
    const answers = await link.ask({ ...batch, own: prepared.own, ...(everybody ? {} : { selected: prepared.choice.selected }) });
    await this.#notice(answers, round);
    const lesson = participant.receive(batch, prepared, answers, this.#opening());
    await link.sendBack(answers, lesson.gradient);
    if (!(await chain.barrier(`round ${round} asked`, round))) return this.#go({ phase: 'joining' });
    const proxy = await this.#learn(batch, lesson);
    this.#losses.set(round, { ...lesson.losses, proxy });
    if (!(await chain.barrier(`round ${round} learnt`, round))) return this.#go({ phase: 'joining' });
    const due = this.#blocksDue(round);
    if (due > this.#state.blocks) {
      await this.#submitRow();
      await this.#exchangeStudents(round);
      if (!(await chain.block(round))) return this.#go({ phase: 'joining' });
      await this.#follow();
    }
    this.#go({ phase: round === settings.rounds ? 'settling' : 'training', round, blocks: due });
    this.#progress('training', round, settings.rounds, lesson.losses.head);
  }

  /** Trains the head close to its minimum under the final mask; nobody's encoder moves any more. */
  async #settle(): Promise<void> {
    const { participant, link, settings, seed } = this.#parts;
    const { settleSamples, settleSteps, settleBatch, width } = settings;
    const samples = firstSamples(participant.data, settleSamples);
    const { responses } = await link.ask(samples);
    const loss = settleHead(participant.head, {
      samples,
      responses: applyOpening(responses, this.#opening(), width),
      steps: settleSteps,
      batch: settleBatch,
      seed,
      stream: [SETTLE_STREAM, participant.index],
    });
    this.#progress('settling', 1, 1, loss);
    this.#go({ phase: 'measuring' });
  }

  /** Step 5, the measurement proper; and step 6, what it reaches on samples nobody trained on. */
  async #measure(): Promise<void> {
    const { participant, validation } = this.#parts;
    const answers = await this.#parts.link.ask(validation);
    const measurement = measure(this.#measureCall(answers.responses, validation));
    const mask = this.#opening().map((open, peer) => (answers.origins[peer] === 'nobody' ? 0 : open));
    const reached = await participant.verify(validation, answers, this.#opening());
    this.#measured = { measurement, reached, mask };
    this.#progress('measuring', 1, 1);
    this.#go({ phase: 'closing' });
  }

  /** Moves its row to what it measured, block by block; a last block pays for it. */
  async #close(): Promise<void> {
    const { chain, settings } = this.#parts;
    const { closingBlocks, rounds, rows } = settings;
    const closed = this.#state.closed + 1;
    if (closed <= closingBlocks) {
      if (rows === 'competing') await this.#submitRow();
      else await chain.submitRow(this.#measured?.measurement.ideal ?? new Float64Array(0));
    }
    await chain.block(rounds);
    await this.#follow();
    this.#progress('closing', closed, closingBlocks + 1);
    this.#go({ closed, phase: closed === closingBlocks + 1 ? 'done' : 'closing' });
  }

  /** The encoder learns from everybody's gradients in the order of the ledger, the proxy from G(x), the understudy from what was answered. */
  async #learn(batch: Samples, lesson: Lesson): Promise<number> {
    const { participant, link, chain, settings, understudy } = this.#parts;
    const { width } = settings;
    const keys = chain.keys();
    const taken = link.inbox.take();
    const parts: Returned[] = keys.flatMap((key, peer) => {
      if (peer !== participant.index) return taken.get(key) ?? [];
      const own = blockOf(lesson.gradient, batch.size, keys.length, width, peer);
      return [{ input: { shape: [batch.size], data: batch.inputs }, gradient: { shape: [batch.size, width], data: own } }];
    });
    const gradient = concat(parts.map((part) => part.gradient.data));
    await participant.learn(concat(parts.map((part) => part.input.data)), gradient, gradient.length / width);
    understudy?.learn();
    return participant.distil(batch, lesson.mixture);
  }

  /** Its row by what it measures now, or by what pays it most. */
  async #submitRow(): Promise<void> {
    const { chain, participant, settings, validation, backend } = this.#parts;
    const batch = firstSamples(validation, settings.blockValidation);
    const { responses } = await this.#parts.link.ask(batch);
    this.#seen = responses;
    const call = this.#measureCall(responses, batch);
    if (settings.rows === 'measured') return chain.submitRow(measureRow(call));
    const { maskTemperature, competingRatio, competingRate, stepBound } = settings;
    const step = { temperature: maskTemperature, ratio: competingRatio, rate: competingRate, epsilon: stepBound, backend };
    return chain.submitRow(competingRow({ ...call, ...chain.market(), ...step, index: participant.index, responses }).row);
  }

  /** Everybody offers its student and fetches those of the others, so that all hold what the others were at this block. One without a student still comes to the barrier. */
  async #exchangeStudents(round: number): Promise<void> {
    const { link, chain, understudy } = this.#parts;
    await link.publishStudent();
    await chain.barrier(`round ${round} published`, round);
    if (understudy !== undefined) await link.fetchStudents();
  }

  /** Peers that went away, or came back, since the last round: what it costs to do without them. */
  async #notice({ origins }: Answers, round: number): Promise<void> {
    const lost = origins.flatMap((origin, peer) => ((origin === 'student' || origin === 'nobody') && !this.#away.has(peer) ? [peer] : []));
    for (const [peer, origin] of origins.entries()) {
      if (origin !== 'peer' || !this.#away.delete(peer)) continue;
      for (const absence of this.#absences) if (absence.away.includes(peer)) absence.returned ??= round;
    }
    if (lost.length === 0) return;
    for (const peer of lost) this.#away.add(peer);
    const { participant, settings, validation, link, backend } = this.#parts;
    const { width, blockValidation, participants: peers } = settings;
    const batch = firstSamples(validation, blockValidation);
    const { responses: zeros } = await link.ask({ ...batch, students: false });
    const { responses: students, held } = link.standIns(lost, batch.inputs, batch.size);
    const filledWith = (others: Float64Array) =>
      fill(
        { head: participant.head, batch, peers, width, opening: this.#opening(), backend },
        replaceBlocks(zeros, others, lost, peers, width),
      );
    this.#absences.push({
      round,
      away: lost,
      held,
      before: this.#seen === null ? null : filledWith(this.#seen),
      zeros: filledWith(new Float64Array(zeros.length)),
      students: filledWith(students),
      returned: null,
    });
  }

  /** After a block: the mask that follows from it, and peers that moved. */
  async #follow(): Promise<void> {
    const { chain, link, onEndpoint } = this.#parts;
    this.#mask = chain.mask();
    for (const [key, endpoint] of chain.endpoints()) {
      if (endpoint === '' || key === link.network.self || this.#known.get(key) === endpoint) continue;
      this.#known.set(key, endpoint);
      await onEndpoint?.(key, endpoint);
    }
  }

  #measureCall(responses: Float64Array, batch: Samples) {
    const { participant, settings, seed, backend } = this.#parts;
    const { participants: peers, width, estimator } = settings;
    const masked = applyOpening(responses, this.#opening(), width);
    return { head: participant.head, responses: masked, truth: batch.truth, batch: batch.size, peers, width, estimator, seed, backend };
  }

  /** Its row of the competition mask. */
  #opening(): Float64Array {
    const { participants: n } = this.#parts.settings;
    const { index } = this.#parts.participant;
    return this.#mask.slice(index * n, (index + 1) * n);
  }

  #blocksDue(round: number): number {
    const { rounds, blocks } = this.#parts.settings;
    return Math.floor((round * blocks) / rounds);
  }

  #go(change: Partial<LifeState>): void {
    this.#state = { ...this.#state, ...change };
  }

  #progress(phase: Phase, done: number, total: number, loss?: number): void {
    this.#parts.onProgress?.({ phase, done, total, ...(loss === undefined ? {} : { loss }) });
  }
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

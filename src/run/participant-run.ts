/**
 * The run of a participant on a network, steps 1 to 6 of section 1.6 as a state machine: it joins, trains round by round, refits its head,
 * measures its peers and closes. One call of `step` is one transition; between two of them its state can be kept and taken up again.
 * All participants go through a round together, first asking, then learning. None is asked in the middle of a change, so a run gives the
 * same numbers whether its participants share a process or not.
 */
import { InputError } from '../core/errors.js';
import { isUint8Array } from '../core/typed-arrays.js';
import { blockOf } from '../network/index.js';
import { type Measurement, measure } from '../participant/measure.js';
import { applyMask, type Evaluation, type Lesson, type StepLosses } from '../participant/participant.js';
import { refitHead } from '../participant/refit-head.js';
import { firstSamples, inputWidthOf, type Samples } from '../participant/samples.js';
import { numberIn, partsOf, type Saved } from '../participant/saved.js';
import { AbsenceObserver } from './absence.js';
import { BlockSteps } from './block-steps.js';
import { learnFromAll } from './learning.js';
import { settingsHash } from './messages.js';
import type { ParticipantResult } from './protocol.js';
import type { ParticipantRunParts, Phase, RunState, RunView } from './run-state.js';
import { blocksDue } from './schedule.js';

/** The random stream of the last training of the heads. */
const REFIT_STREAM = 9;

/**
 * One participant's part of a run. `step` makes one transition; between two of them `save` and `restore` keep and take up everything it has learnt.
 *
 * @throws EnvironmentError BTM_IO when the coordinator does not answer
 * @paper section 1.6, steps 1 to 6
 */
export class ParticipantRun {
  readonly #parts: ParticipantRunParts;
  #state: RunState = { phase: 'joining', round: 0, blocks: 0, closed: 0 };
  #measured: { readonly measurement: Measurement; readonly evaluation: Evaluation; readonly mask: Float64Array } | null = null;
  /** By round; one that was away has none for the rounds it missed. */
  readonly #losses = new Map<number, StepLosses>();
  readonly #observer: AbsenceObserver;
  readonly #block: BlockSteps;

  constructor(parts: ParticipantRunParts) {
    this.#parts = parts;
    parts.client.attach(parts.participant, parts.ledger.keys());
    this.#observer = new AbsenceObserver(parts);
    this.#block = new BlockSteps(parts, this.#observer);
  }

  get state(): RunState {
    return this.#state;
  }

  /** One transition. Returns false when there is nothing left to do. */
  async step(): Promise<boolean> {
    const transitions: Readonly<Record<Phase, () => Promise<void>>> = {
      joining: () => this.#join(),
      training: () => this.#train(),
      refitting: () => this.#refit(),
      measuring: () => this.#measure(),
      closing: () => this.#close(),
      done: async () => {},
    };
    await transitions[this.#state.phase]();
    return this.#state.phase !== 'done';
  }

  /** What it measured; null until it has. */
  result(): ParticipantResult | null {
    if (this.#measured === null) return null;
    const { participant, validation } = this.#parts;
    const { measurement, evaluation, mask } = this.#measured;
    const { ideal, ablation, shapley, gram, linearShare } = measurement;
    return {
      index: participant.index,
      encoder: participant.encoder.description,
      trainSamples: participant.data.size,
      validationSamples: validation.size,
      measurement: { ideal: [...ideal], ablation: [...ablation], shapley: [...shapley], gram: [...gram], linearShare },
      evaluation,
      mask: [...mask],
      losses: [...this.#losses].map(([round, { head, own, gate, proxy }]) => [round, head, own, gate, proxy]),
      absences: this.#observer.absences,
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
  async view(batch: Samples, students = true): Promise<RunView> {
    const { participant, client } = this.#parts;
    const prepared = await participant.prepare(batch, false);
    const answers = await client.ask({ ...batch, own: prepared.own, selected: prepared.choice.selected, students });
    return { ...participant.view(batch, prepared, answers, this.#block.maskRow()), answers };
  }

  /** Everything that a restart must not lose. Between two steps only. */
  async save(): Promise<Saved> {
    const { participant, standIn, client, ledger } = this.#parts;
    const { round, blocks } = this.#state;
    return {
      chain: Buffer.from(ledger.id, 'hex'),
      round,
      blocks,
      losses: [...this.#losses].map(([at, { head, own, gate, proxy }]) => Float64Array.of(at, head, own, gate, proxy)),
      participant: await participant.save(),
      standIn: standIn?.save() ?? {},
      students: client.students.save(),
      ...(ledger.heads.own === undefined ? {} : { head: new TextEncoder().encode(JSON.stringify(ledger.heads.own)) }),
    };
  }

  /** Takes up what {@link ParticipantRun.save} gave, before it joins. @throws InputError when that was on another ledger, or by a participant of other sizes */
  async restore(saved: Saved): Promise<void> {
    const { participant, standIn, client, ledger } = this.#parts;
    const parts = partsOf(saved);
    const { chain: kept } = parts;
    if (!isUint8Array(kept) || Buffer.from(kept).toString('hex') !== ledger.id) {
      const remedy = 'Delete the file to begin anew on this ledger, or name another one.';
      throw new InputError('BTM_DOMAIN', 'was kept on another ledger', { argument: 'state', remedy });
    }
    const { head } = parts;
    if (isUint8Array(head)) await ledger.recall(JSON.parse(new TextDecoder().decode(head)));
    this.#state = { ...this.#state, round: numberIn(parts, 'round'), blocks: numberIn(parts, 'blocks') };
    for (const [at, head, own, gate, proxy] of (parts['losses'] ?? []) as readonly Float64Array[]) {
      this.#losses.set(at, { head, own, gate, proxy });
    }
    await participant.restore(parts['participant'] ?? {});
    standIn?.restore(parts['standIn'] ?? {});
    client.students.restore(parts['students'] ?? {});
  }

  /** Step 1. Writes its address on the ledger; comes with all the others, or late. */
  async #join(): Promise<void> {
    const { ledger, endpoint, settings, seed, participant } = this.#parts;
    const inputWidth = inputWidthOf(participant.data);
    await ledger.hello({ settings: settingsHash(settings, seed), inputWidth, width: settings.width });
    await ledger.submitEndpoint(endpoint);
    const late = ledger.height > 0 || !(await ledger.block(0));
    const round = late ? await ledger.rejoin(this.#state.round) : 0;
    if (!(await this.#block.follow(round))) return;
    this.#go({ phase: 'training', round, blocks: this.#blocksDue(round) });
    this.#progress('joining', 1, 1);
    if (round >= settings.rounds) this.#go({ phase: 'refitting' });
  }

  /** Steps 2 to 4: one round of queries, responses and gradients; every few rounds a row for the ledger. */
  async #train(): Promise<void> {
    const { participant, ledger, client, settings } = this.#parts;
    const round = this.#state.round + 1;
    const batch = participant.nextBatch(settings.batch);
    const prepared = await participant.prepare(batch, true);
    const ungated = settings.gateK === 0;
    const answers = await client.ask({ ...batch, own: prepared.own, ...(ungated ? {} : { selected: prepared.choice.selected }) });
    await this.#observer.notice(answers.origins, round, this.#block.maskRow());
    const lesson = participant.receive(batch, prepared, answers, this.#block.maskRow());
    await client.sendBack(answers, lesson.gradient);
    if (!(await this.#block.pass({ kind: 'asked', round }))) return this.#go({ phase: 'joining' });
    const proxy = await this.#learn(batch, lesson);
    this.#losses.set(round, { ...lesson.losses, proxy });
    if (!(await this.#block.pass({ kind: 'learnt', round }))) return this.#go({ phase: 'joining' });
    const due = this.#blocksDue(round);
    if (due > this.#state.blocks) {
      await this.#block.submitRow();
      await this.#block.exchangeStudents(round);
      if (!(await ledger.block(round)) || !(await this.#block.follow(round))) return this.#go({ phase: 'joining' });
    }
    this.#go({ phase: round === settings.rounds ? 'refitting' : 'training', round, blocks: due });
    this.#progress('training', round, settings.rounds, lesson.losses.head);
  }

  /** Trains the head close to its minimum under the final mask; no encoder moves any more. */
  async #refit(): Promise<void> {
    const { participant, client, settings, seed } = this.#parts;
    const { refitSamples, refitSteps, refitBatch, width } = settings;
    const samples = firstSamples(participant.data, refitSamples);
    const { responses } = await client.ask(samples);
    const loss = refitHead(participant.head, {
      samples,
      responses: applyMask(responses, this.#block.maskRow(), width),
      steps: refitSteps,
      batch: refitBatch,
      seed,
      stream: [REFIT_STREAM, participant.index],
    });
    this.#progress('refitting', 1, 1, loss);
    this.#go({ phase: 'measuring' });
  }

  /** Step 5, the measurement proper; and step 6, what it reaches on held-out samples. */
  async #measure(): Promise<void> {
    const { participant, validation } = this.#parts;
    const answers = await this.#parts.client.ask(validation);
    const measurement = measure(this.#block.measureCall(answers.responses, validation));
    const mask = this.#block.maskRow().map((open, peer) => (answers.origins[peer] === 'nobody' ? 0 : open));
    const evaluation = await participant.verify(validation, answers, this.#block.maskRow());
    this.#measured = { measurement, evaluation, mask };
    this.#progress('measuring', 1, 1);
    this.#go({ phase: 'closing' });
  }

  /** Moves its row to what it measured, block by block; a last block pays for it. */
  async #close(): Promise<void> {
    const { ledger, settings } = this.#parts;
    const { closingBlocks, rounds, rows } = settings;
    const closed = this.#state.closed + 1;
    if (closed <= closingBlocks) {
      if (rows === 'competing') await this.#block.submitRow();
      else await this.#block.write(this.#measured?.measurement.ideal ?? new Float64Array(0));
    }
    await ledger.block(rounds);
    if (closed <= closingBlocks) await this.#block.follow(rounds);
    else await this.#end();
    this.#progress('closing', closed, closingBlocks + 1);
    this.#go({ closed, phase: closed === closingBlocks + 1 ? 'done' : 'closing' });
  }

  /** All members hold one ledger, and its rows are on it. */
  async #end(): Promise<void> {
    const { ledger, participant, settings } = this.#parts;
    await this.#block.finish(settings.rounds);
    ledger.checkRowsArrived(participant.name);
  }

  /** The encoder learns from the gradients of all peers in the order of the ledger, the proxy from G(x), the stand-in from what was answered. */
  async #learn(batch: Samples, lesson: Lesson): Promise<number> {
    const { participant, client, ledger, settings, standIn } = this.#parts;
    const { width } = settings;
    const keys = ledger.keys();
    const gradient = blockOf(lesson.gradient, batch.size, keys.length, width, participant.index);
    const own = { input: { shape: [batch.size], data: batch.inputs }, gradient: { shape: [batch.size, width], data: gradient } };
    const most = settings.gradientClip / settings.batch; // a sender's loss is the mean over its batch
    const loud = await learnFromAll(participant, client.inbox.take(), { keys, own, most, width });
    for (const from of loud) client.network.note('norm', from);
    standIn?.learn();
    return participant.distil(batch, lesson.mixture);
  }

  #blocksDue(round: number): number {
    return blocksDue(round, this.#parts.settings);
  }

  #go(change: Partial<RunState>): void {
    this.#state = { ...this.#state, ...change };
  }

  #progress(phase: Phase, done: number, total: number, loss?: number): void {
    this.#parts.onProgress?.({ phase, done, total, ...(loss === undefined ? {} : { loss }) });
  }
}

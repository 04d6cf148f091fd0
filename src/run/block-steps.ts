/** What a participant does at a block: it writes its row, offers its student, compares the ledger with the others, and follows what was decided. */
import { competingRow } from '../participant/competing.js';
import { measureRow } from '../participant/measure.js';
import { applyMask } from '../participant/participant.js';
import { sameAnswers } from '../participant/same-answers.js';
import { firstSamples, type Samples } from '../participant/samples.js';
import type { AbsenceObserver } from './absence.js';
import type { Barrier } from './protocol.js';
import type { ParticipantRunParts } from './run-state.js';

export class BlockSteps {
  readonly #parts: ParticipantRunParts;
  readonly #observer: AbsenceObserver;
  #mask: Float64Array = new Float64Array(0);
  readonly #known = new Map<string, string>();

  constructor(parts: ParticipantRunParts, observer: AbsenceObserver) {
    this.#parts = parts;
    this.#observer = observer;
  }

  /** The participant's row of the competition mask. */
  maskRow(): Float64Array {
    const { participants: n } = this.#parts.settings;
    const { index } = this.#parts.participant;
    return this.#mask.slice(index * n, (index + 1) * n);
  }

  /** Waits for all members. False when they continued without this one. @throws ForkError when the coordinator shows members different chains */
  async pass(barrier: Barrier): Promise<boolean> {
    const passed = await this.#parts.ledger.barrier(barrier);
    this.#compareHeads();
    return passed;
  }

  /** Its row by what it measures now, or by what pays it most. */
  async submitRow(): Promise<void> {
    const { ledger, participant, client, settings, validation, backend } = this.#parts;
    const batch = firstSamples(validation, settings.blockValidation);
    const { responses } = await client.ask(batch);
    this.#observer.allAnswered(responses);
    const call = this.measureCall(responses, batch);
    if (settings.rows === 'measured') return this.write(measureRow(call));
    const { maskTemperature, lossPrice, competingRate, stepBound } = settings;
    const step = { temperature: maskTemperature, ratio: lossPrice, rate: competingRate, epsilon: stepBound, backend };
    return this.write(competingRow({ ...call, ...ledger.weightsAndStake(), ...step, index: participant.index, responses }).row);
  }

  /** A bounded step of its row towards these scores, or towards what it writes in their place. */
  write(scores: Float64Array): Promise<void> {
    const { ledger, writes } = this.#parts;
    return ledger.submitRow(writes === undefined ? scores : writes({ block: ledger.height, scores, ...ledger.weightsAndStake() }));
  }

  /** Every participant offers its student and fetches those of the others, so that all hold what the others were at this block. One without a student still comes to the barrier. */
  async exchangeStudents(round: number): Promise<void> {
    const { client, standIn } = this.#parts;
    await client.publishStudent();
    await this.pass({ kind: 'published', round });
    if (standIn !== undefined) await client.fetchStudents();
  }

  /** After a block: the mask that follows from it, and peers that moved. Waits until all members are as far. False when they continued without this one. */
  async follow(round: number): Promise<boolean> {
    const { ledger, client, onEndpoint, participant } = this.#parts;
    this.#mask = ledger.mask();
    client.attach(participant, ledger.keys());
    for (const [key, endpoint] of ledger.endpoints()) {
      if (endpoint === '' || key === client.network.self || this.#known.get(key) === endpoint) continue;
      this.#known.set(key, endpoint);
      await onEndpoint?.(key, endpoint);
    }
    client.open();
    const { network } = client;
    network.tasks.run('telling the head of the ledger', () => ledger.heads.tell(network, ledger.keys()));
    return this.pass({ kind: 'followed', round, height: ledger.height });
  }

  /** After the last block: no member leaves before all have compared it. */
  async finish(round: number): Promise<void> {
    const { ledger, client } = this.#parts;
    if (ledger.heads.own === undefined) return;
    await ledger.heads.tell(client.network, ledger.keys());
    await this.pass({ kind: 'followed', round, height: ledger.height });
  }

  /** What a measurement of these responses is called with. */
  measureCall(responses: Float64Array, batch: Samples) {
    const { participant, settings, seed, backend } = this.#parts;
    const { participants: peers, width, estimator, copyDistance } = settings;
    const masked = applyMask(responses, this.maskRow(), width);
    const shape = { batch: batch.size, peers, width };
    const alike = copyDistance > 0 ? { groups: sameAnswers({ ...shape, responses }, copyDistance) } : {};
    return { ...shape, ...alike, head: participant.head, responses: masked, targets: batch.targets, estimator, seed, backend };
  }

  #compareHeads(): void {
    const { ledger, client } = this.#parts;
    ledger.heads.compare((from) => client.network.note('malformed', from));
  }
}

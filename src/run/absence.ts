/** What it costs a participant that peers are away: with what they last answered, with zeros, and with students in their place. */
import type { Backend } from '../backend/index.js';
import { removalScores } from '../curvature.js';
import type { Head } from '../head.js';
import type { Origin } from '../participant/gates/routing.js';
import type { DenseNet } from '../participant/models/dense-net.js';
import { applyMask, type Participant } from '../participant/participant.js';
import { firstSamples, type Samples, score } from '../participant/samples.js';
import type { PeerClient } from './peer-client.js';
import type { RunSettings } from './settings.js';

/** One way of filling the places of those that are away. */
export interface Filled {
  /** Mean loss of the head over the validation batch. */
  readonly loss: number;
  readonly accuracy: number | null;
  /** Gauss-Newton removal scores of every peer, mean over the batch. */
  readonly scores: readonly number[];
}

/** Peers that went away, and what that cost one participant at that moment; its head is the same in all three. */
export interface Absence {
  /** The training round in which it was noticed. */
  readonly round: number;
  readonly away: readonly number[];
  /** Of those, whose students it held. */
  readonly held: readonly number[];
  /** With what they answered when all were last measured; null when they were never measured. */
  readonly before: Filled | null;
  readonly zeros: Filled;
  readonly students: Filled;
  /** The round after which one of them answered again itself; null while none has. */
  returned: number | null;
}

/** A head and the batch it is measured on. */
export interface AbsenceOptions {
  readonly head: DenseNet;
  readonly batch: Samples;
  readonly peers: number;
  readonly width: number;
  /** Row of the competition mask, `[peers]`. */
  readonly maskRow: Float64Array;
  readonly backend: Backend;
}

/** Loss, accuracy and removal scores with these responses `[size, peers, width]`. */
export function fill({ head, batch, peers, width, maskRow, backend }: AbsenceOptions, responses: Float64Array): Filled {
  const masked = applyMask(responses, maskRow, width);
  const call = { head: head satisfies Head, responses: masked, ...batch.targets, batch: batch.size, peers, width, backend };
  const { scores } = removalScores({ ...call, estimator: 'gaussNewton', reduction: 'mean' });
  return { ...score(head.forward(masked, batch.size), batch), scores: [...scores] };
}

/** Responses with the blocks of these peers taken from others, both `[size, peers, width]`. */
export function replaceBlocks(
  responses: Float64Array,
  others: Float64Array,
  from: readonly number[],
  peers: number,
  width: number,
): Float64Array {
  const filled = responses.slice();
  for (const peer of from) {
    for (let at = peer * width; at < filled.length; at += peers * width) filled.set(others.subarray(at, at + width), at);
  }
  return filled;
}

/** Of a run, what an observer sees and asks. */
export interface ObservedRun {
  readonly participant: Participant;
  readonly validation: Samples;
  readonly settings: RunSettings;
  readonly client: PeerClient;
  readonly backend: Backend;
}

/** Watches who answers, round by round, and measures what an absence costs at that moment. It asks and measures; nothing of the run depends on it. */
export class AbsenceObserver {
  /** In the order in which they were noticed. */
  readonly absences: Absence[] = [];
  readonly #away = new Set<number>();
  #before: Float64Array | null = null;

  constructor(private readonly run: ObservedRun) {}

  /** Responses `[blockValidation, peers, width]` to the first validation samples, when all were measured last. */
  allAnswered(responses: Float64Array): void {
    this.#before = responses;
  }

  /** Takes note of peers that went away, or came back, since the last round. */
  async notice(origins: readonly Origin[], round: number, maskRow: Float64Array): Promise<void> {
    const missing = (origin: Origin): boolean => origin === 'student' || origin === 'nobody';
    const lost = origins.flatMap((origin, peer) => (missing(origin) && !this.#away.has(peer) ? [peer] : []));
    for (const [peer, origin] of origins.entries()) {
      if (origin !== 'peer' || !this.#away.delete(peer)) continue;
      for (const absence of this.absences) if (absence.away.includes(peer)) absence.returned ??= round;
    }
    if (lost.length === 0) return;
    for (const peer of lost) this.#away.add(peer);
    this.absences.push(await this.#measure(lost, round, maskRow));
  }

  async #measure(lost: readonly number[], round: number, maskRow: Float64Array): Promise<Absence> {
    const { participant, settings, validation, client, backend } = this.run;
    const { width, blockValidation, participants: peers } = settings;
    const batch = firstSamples(validation, blockValidation);
    const { responses: zeros } = await client.ask({ ...batch, students: false });
    const { responses: students, held } = client.standIns(lost, batch.inputs, batch.size);
    const options = { head: participant.head, batch, peers, width, maskRow, backend };
    const filledWith = (others: Float64Array): Filled => fill(options, replaceBlocks(zeros, others, lost, peers, width));
    return {
      ...{ round, away: lost, held },
      before: this.#before === null ? null : filledWith(this.#before),
      zeros: filledWith(new Float64Array(zeros.length)),
      students: filledWith(students),
      returned: null,
    };
  }
}

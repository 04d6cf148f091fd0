/** What it costs a participant that peers are away: with what they last answered, with zeros, and with students in their place. */
import type { Backend } from '../backend/index.js';
import { removalScores } from '../curvature.js';
import type { Head } from '../head.js';
import type { DenseNet } from '../participant/models/dense-net.js';
import { applyMask } from '../participant/participant.js';
import { type Samples, score } from '../participant/samples.js';

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

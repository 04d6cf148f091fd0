/** One participant as a run takes it, and how it is built. */
import type { Participant } from '../participant/participant.js';
import type { Samples } from '../participant/samples.js';

/** One participant, and the samples on which it measures its peers. */
export interface Member {
  readonly participant: Participant;
  /** Held-out samples. */
  readonly validation: Samples;
}

/** Asks another participant, by its position; for one that passes on what another says. */
export type Relay = (peer: number, inputs: Float32Array, batch: number) => Promise<Float32Array>;

/** Builds a participant; `relay` asks another one. */
export type MemberFactory = (relay: Relay) => Member;

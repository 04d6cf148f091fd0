/** One participant as a run takes it, and how it is built. */
import type { Participant } from '../participant/participant.js';
import type { Samples } from '../participant/samples.js';

/** What a participant knows when it writes a row. */
export interface RowSight {
  /** Blocks of the ledger so far. */
  readonly block: number;
  /** `[peers]`: what it measured of every peer, or the row that pays it most where rows compete. */
  readonly scores: Float64Array;
  /** Rows `[peers, peers]` and stake `[peers]` as they stand on the ledger. */
  readonly weights: Float64Array;
  readonly stake: Float64Array;
}

/** Decides what a participant writes; see `playing` for the strategies of `intermodel/scenario`. */
export type RowWriter = (sight: RowSight) => Float64Array;

/** One participant, and the samples on which it measures its peers. */
export interface Member {
  readonly participant: Participant;
  /** Held-out samples. */
  readonly validation: Samples;
  /** What it writes in place of what it measured. Default: what it measured. */
  readonly writes?: RowWriter;
}

/** Asks another participant, by its position; for one that passes on what another says. */
export type Relay = (peer: number, inputs: Float32Array, batch: number) => Promise<Float32Array>;

/** Builds a participant; `relay` asks another one. */
export type MemberFactory = (relay: Relay) => Member;

/** What the run of a participant is made of, where it is, and what it shows of itself. */
import type { Backend } from '../backend/index.js';
import type { Participant, View } from '../participant/participant.js';
import type { Samples } from '../participant/samples.js';
import type { StandIn } from '../participant/students/stand-in.js';
import type { LedgerClient } from './ledger-client.js';
import type { RowWriter } from './member.js';
import type { Answers, PeerClient } from './peer-client.js';
import type { RunSettings } from './settings.js';

/** Where a run is. */
export type Phase = 'joining' | 'training' | 'refitting' | 'measuring' | 'closing' | 'done';

/** What a participant has behind it. */
export interface RunState {
  readonly phase: Phase;
  /** Training rounds. */
  readonly round: number;
  /** Blocks while training. */
  readonly blocks: number;
  /** Blocks after the last measurement. */
  readonly closed: number;
}

/** What a run is made of. */
export interface ParticipantRunParts {
  readonly participant: Participant;
  /** Held-out samples that it measures on. */
  readonly validation: Samples;
  /** What it writes in place of what it measured. */
  readonly writes?: RowWriter;
  readonly settings: RunSettings;
  readonly seed: number;
  readonly client: PeerClient;
  readonly ledger: LedgerClient;
  readonly backend: Backend;
  /** Where it can be reached. */
  readonly endpoint: string;
  /** Learns to stand in for it. */
  readonly standIn?: StandIn;
  /** A peer wrote another address on the ledger. */
  readonly onEndpoint?: (key: string, endpoint: string) => void | Promise<void>;
  readonly onProgress?: (progress: RunProgress) => void;
}

/** How far a run is within a phase. */
export interface RunProgress {
  readonly phase: Phase;
  readonly done: number;
  readonly total: number;
  /** Mean loss of the head, where it was trained. */
  readonly loss?: number;
}

/** A batch through the gate as it stands, and who answered for whom. */
export interface RunView extends View {
  readonly answers: Answers;
}

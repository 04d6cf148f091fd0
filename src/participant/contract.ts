/** What a participant is made of, what it is given, and what it returns. */
import type { Backend } from '../backend/index.js';
import type { GateSettings } from './gates/gate.js';
import type { GateChoice, GateMixture } from './gates/mixture.js';
import type { ResponseModel } from './models/model.js';
import type { Samples, Scored } from './samples.js';
import type { DistillationObjective } from './students/student.js';

/** Sizes and step sizes of a participant. */
export interface ParticipantSettings {
  /** Participants of the network, itself included. */
  readonly peers: number;
  /** Numbers per response; the same for all. */
  readonly width: number;
  /** Outputs of its own readers: classes, or values it predicts. Its own affair. */
  readonly outputs: number;
  readonly headHidden: number;
  readonly headRate: number;
  readonly gateRate: number;
  readonly readoutRate: number;
  readonly weightDecay: number;
  readonly gate: GateSettings;
  /** How the proxy learns G(x). */
  readonly distillation: DistillationObjective;
  readonly seed: number;
  readonly backend: Backend;
}

/** What makes one participant. */
export interface ParticipantParts {
  readonly index: number;
  readonly name: string;
  readonly data: Samples;
  /** Takes inputs alone, or inputs followed by the proxy's response. */
  readonly encoder: ResponseModel;
  /** The student of G: takes inputs. */
  readonly proxy: ResponseModel;
}

/** Its own answer to its own batch, and whom its gate would ask. */
export interface Prepared {
  /** f_i `[size, width]` */
  readonly own: Float64Array;
  readonly choice: GateChoice;
}

/** What came back for a batch. */
export interface Received {
  /** F `[size, peers, width]`, the own response included; zeros where no peer was asked or none answered. */
  readonly responses: Float64Array;
  /** `[size, peers]`; 1 where the peer, or its student, answered. */
  readonly answered: Int32Array;
}

/** Mean losses of one training step, in nats except the proxy's squared error. */
export interface StepLosses {
  readonly head: number;
  readonly own: number;
  readonly gate: number;
  readonly proxy: number;
}

/** What training on the responses gave. */
export interface Lesson {
  readonly losses: Omit<StepLosses, 'proxy'>;
  /** dL/dF `[size, peers, width]`, to be sent back to the peers. */
  readonly gradient: Float64Array;
  /** G(x) `[size, width]`: what the proxy learns next. */
  readonly mixture: Float64Array;
}

/** How a batch looks through the gate, untrained. */
export interface View extends GateMixture {
  /** m_ij f_j(x) `[size, peers, width]`. */
  readonly masked: Float64Array;
  /** What the readout makes of G(x), `[size, outputs]`. */
  readonly outputs: Float64Array;
}

/** What it reaches on held-out samples: with all responses, its own alone, through the gate, and with the proxy in the gate's place. */
export interface Evaluation {
  readonly head: Scored;
  readonly own: Scored;
  readonly gate: Scored;
  readonly proxy: Scored;
}

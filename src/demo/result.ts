/**
 * The result of the demonstration as one plain-data value: what it measured, on what, and under which assumptions.
 * It holds no typed arrays, functions, clocks or machine-dependent numbers, so that its JSON is the same for the same seed and backend.
 * Reports and commands draw from it.
 */
import type { DataDescription } from '../data/dataset.js';
import type { BlockRecord } from '../run/run-record.js';
import type { RunSettings } from '../run/settings.js';

/** What a participant was built to be. The measurement never sees it; it is printed beside the outcome. */
export type ParticipantRole =
  | 'generalist' // every class, a large shard
  | 'specialist' // two or three classes
  | 'scarce' // every class, a tenth of the data of a generalist
  | 'shuffled' // its own labels are shuffled
  | 'noise' // free rider: answers fresh noise, whatever it is asked
  | 'copy'; // free rider: answers exactly what another participant answers

/** One participant: how it was built, and what it reached on held-out data. */
export interface DemoParticipant {
  readonly index: number;
  /** Short and unique, for instance `generalist-0`. */
  readonly name: string;
  readonly role: ParticipantRole;
  /** One line saying how it was built. */
  readonly description: string;
  /** Name of the participant whose responses it returns; only for `copy`. */
  readonly copyOf?: string;
  readonly classes: readonly number[];
  readonly trainSamples: number;
  readonly validationSamples: number;
  /** For instance `784+16 -> 32 relu -> 16 tanh` or `plain function`. */
  readonly encoder: string;
  /** Share of the validation batch classified right by the head over the masked responses of all peers. */
  readonly headAccuracy: number;
  /** Share classified right by the participant's own response alone. */
  readonly ownAccuracy: number;
  /** Share classified right through the gate G(x), and through the distilled proxy in its place. */
  readonly gateAccuracy: number;
  readonly proxyAccuracy: number;
  /** Share |l| / (|l| + q/2) of the dropped linear term l in this participant's measurements, mean over its peers. */
  readonly linearShare: number;
  /** Largest entry of this participant's final row, its own included. */
  readonly topPeer: string;
}

/** Losses of every participant along the training rounds: `values[point][participant]`; null where it was away. */
export interface DemoCurve {
  readonly name: 'head' | 'own' | 'gate' | 'proxy';
  /** For the axis, with the unit, for instance `cross-entropy of the head (nats)`. */
  readonly title: string;
  readonly rounds: readonly number[];
  readonly values: readonly (readonly (number | null)[])[];
}

/** The ways of ranking that stand side by side. */
export type RankingName = 'ablation' | 'ablationByRow' | 'ideal' | 'shapley' | 'ledger' | 'competitive';

/** One ranking of all participants. */
export interface DemoRanking {
  readonly name: RankingName;
  readonly title: string;
  /** One line: formula, estimator, data. */
  readonly description: string;
  /** Raw values in participant order, in the unit of `unit`. */
  readonly values: readonly number[];
  readonly unit: string;
  /** Positions in participant order, 1 is best; ties share the better position. */
  readonly positions: readonly number[];
}

/** Agreement of two rankings. A correlation that is undefined is null, with the reason. */
export interface DemoAgreement {
  readonly a: RankingName;
  readonly b: RankingName;
  readonly pearson: number | null;
  readonly spearman: number | null;
  readonly kendall: number | null;
  readonly reason?: string;
}

/** A statement about a participant that was built to be odd, drawn from the numbers of this run. */
export interface DemoFinding {
  readonly participant: string;
  readonly text: string;
}

/** How far a claim made for the demonstration held in this run. */
export interface DemoCheck {
  readonly name: string;
  readonly held: boolean;
  readonly measured: string;
}

/** Everything a run of the demonstration produced. */
export interface DemoResult {
  readonly kind: 'intermodel-demo';
  readonly formatVersion: 1;
  readonly version: string;
  readonly seed: number;
  /** What computed it. */
  readonly backend: { readonly kind: string; readonly isa: string; readonly version: string };
  readonly data: DataDescription;
  readonly settings: RunSettings;
  /** Sentences to print wherever a figure of this run is shown. */
  readonly assumptions: readonly string[];
  readonly participants: readonly DemoParticipant[];
  readonly curves: readonly DemoCurve[];
  readonly blocks: readonly BlockRecord[];
  /** Final weights on the ledger, `weights[rater][ranked]`; rows sum to 1. */
  readonly weights: readonly (readonly number[])[];
  /** Final competition mask (7), `mask[asker][peer]`. */
  readonly mask: readonly (readonly number[])[];
  /** Removal scores per sample, `scores[rater][ranked]`, by the chosen estimator and by exact ablation. */
  readonly scores: {
    readonly estimator: string;
    readonly ideal: readonly (readonly number[])[];
    readonly ablation: readonly (readonly number[])[];
  };
  readonly rankings: readonly DemoRanking[];
  /** How the search for the competitive ranking ended. */
  readonly equilibrium: { readonly status: string; readonly message: string; readonly steps: number; readonly residual: number };
  readonly agreement: readonly DemoAgreement[];
  readonly findings: readonly DemoFinding[];
  readonly checks: readonly DemoCheck[];
}

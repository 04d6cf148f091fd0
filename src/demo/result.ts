/**
 * The result of the demonstration as one plain-data value: what it measured, on what, and under which assumptions.
 * It holds no typed arrays, functions, clocks or machine-dependent numbers, so that its JSON is the same for the same seed and backend.
 * This file imports nothing; reports and commands draw from it.
 */

/** What a participant was built to be. The measurement never sees it; it is printed beside the outcome. */
export type ParticipantRole =
  | 'generalist' // every class, a large shard
  | 'specialist' // two or three classes
  | 'scarce' // every class, a tenth of the data of a generalist
  | 'shuffled' // its own labels are shuffled
  | 'noise' // free rider: answers fresh noise, whatever it is asked
  | 'copy'; // free rider: answers exactly what another participant answers

/** One participant: how it was built, and what it reached on data nobody trained on. */
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

/** One block of the ledger. */
export interface DemoBlock {
  readonly height: number;
  /** Training rounds done when the block was closed. */
  readonly round: number;
  /** Ranking (5) by stake and weights, normalised to sum 1. */
  readonly ranking: readonly number[];
  /** Stake after the block, in tokens. */
  readonly stake: readonly number[];
  /** Tokens minted by the block. */
  readonly minted: number;
  readonly accepted: number;
  readonly refused: readonly { readonly participant: string; readonly code: string }[];
}

/** The ways of ranking that stand side by side. */
export type RankingName = 'ablation' | 'ideal' | 'shapley' | 'ledger' | 'competitive';

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

/** Every setting of a run; printed on the report. */
export interface DemoSettings {
  readonly participants: number;
  readonly rounds: number;
  readonly batch: number;
  readonly width: number;
  /** Hidden units (relu) of every head. */
  readonly headHidden: number;
  readonly headRate: number;
  /** Decoupled weight decay of heads and gates. */
  readonly weightDecay: number;
  readonly encoderRate: number;
  readonly proxyRate: number;
  readonly gateRate: number;
  /** Of the linear readouts of G(x) and of the own response. */
  readonly readoutRate: number;
  /** How the gate chooses: scores for every peer, or product keys. */
  readonly gate: 'sparse' | 'productKey';
  /** Peers asked per sample while training; 0 for all. Measurements ask everybody. */
  readonly gateK: number;
  /** Weight of the balance loss, and the noise on the scores while training; only for sparse gates. */
  readonly gateBalance: number;
  readonly gateNoise: number;
  /** How the proxy learns G(x): divergence, temperature, share of the divergence against the labels, weight of the squared error of the response. */
  readonly distillation: 'forwardKl' | 'reverseKl' | 'jsd' | 'mse';
  readonly distillationTemperature: number;
  readonly distillationAlpha: number;
  readonly responseWeight: number;
  /** Samples of the best-supplied generalist. */
  readonly largestShard: number;
  /** Steps, batch and samples of the last training of the heads, encoders held fixed. */
  readonly settleSteps: number;
  readonly settleBatch: number;
  readonly settleSamples: number;
  /** Blocks while training, and after the last measurement. */
  readonly blocks: number;
  readonly closingBlocks: number;
  /** Samples on which each participant measures; a block while training uses the first `blockValidation` of them. */
  readonly validation: number;
  readonly blockValidation: number;
  readonly estimator: string;
  readonly maskTemperature: number;
  /** Largest l2 change of a row in one block. */
  readonly stepBound: number;
  /** Tokens per block, factor tau of (6). */
  readonly tau: number;
  readonly emission: 'l2' | 'l1' | 'none';
  readonly initialStake: number;
  /** What participants write to the ledger: what they measured, or what pays them most. */
  readonly rows: 'measured' | 'competing';
  /** Only for competing rows: tokens that a nat of loss is worth to a participant, and the step length. */
  readonly competingRatio: number;
  readonly competingRate: number;
  /** alpha/tau of the game behind the competitive ranking. */
  readonly competitiveRatio: number;
}

/** Everything a run of the demonstration produced. */
export interface DemoResult {
  readonly kind: 'intermodel-demo';
  readonly formatVersion: 1;
  readonly version: string;
  readonly seed: number;
  /** What computed it: the numerical backend and the engine of the encoders. */
  readonly backend: { readonly kind: string; readonly isa: string; readonly version: string };
  readonly encoderBackend: { readonly name: string; readonly version: string };
  readonly data: {
    readonly name: string;
    readonly samples: number;
    readonly classes: number;
    readonly height: number;
    readonly width: number;
  };
  readonly settings: DemoSettings;
  /** Sentences to print wherever a figure of this run is shown. */
  readonly assumptions: readonly string[];
  readonly participants: readonly DemoParticipant[];
  readonly curves: readonly DemoCurve[];
  readonly blocks: readonly DemoBlock[];
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

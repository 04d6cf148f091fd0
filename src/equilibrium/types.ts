/** The values of the equilibrium solver: a game, a method, a stopping rule, what to record, what to do on failure, and the result. */
import type { Backend } from '../backend/index.js';
import type { ShiftGradient } from '../competition.js';
import type { PeerHessians } from '../core/peers.js';
import type { NumericArray } from '../core/validate.js';
import type { Hessian } from '../curvature.js';
import type { PayoffTerms, ReferenceMask } from '../payoff.js';

/** How a row returns to the simplex after a gradient step; 'clipRenormalise' is not a projection and has no equilibrium. */
export type SimplexReturn = 'exact' | 'clipRenormalise';

/** theta: everything that defines one game. */
export interface GameOptions extends PayoffTerms {
  readonly n: number;
  /** H_i of each participant; symmetric, without the factor 1/2. Games that pass the same object load it once. */
  readonly hessian: Hessian;
  /** W0 [n, n], rows on the simplex. */
  readonly initialWeights: NumericArray;
  /** S [n], token units, >= 0. Default: one each. */
  readonly stake?: NumericArray;
  /** T > 0. */
  readonly temperature: number;
  /** The mask that loss is measured against; default 'ones'. 'initial' is the mask of initialWeights. */
  readonly reference?: ReferenceMask;
  /** Default 'exact'. */
  readonly shiftGradient?: ShiftGradient;
  /** Default false. */
  readonly openDiagonal?: boolean;
  /** Default 'exact'. */
  readonly projection?: SimplexReturn;
}

/** A checked, frozen game; made by createGame. */
export interface Game {
  readonly n: number;
  readonly hessians: PeerHessians;
  readonly initialWeights: Float64Array;
  readonly stake: Float64Array;
  readonly temperature: number;
  readonly alpha: number;
  readonly tau: number;
  readonly utility: 'cost' | 'gain';
  readonly scaling: 'ratio' | 'absolute';
  /** Factor of dL in the ascent direction: minus alpha / tau for a cost. */
  readonly lossFactor: number;
  /** Factor of dR in the ascent direction. */
  readonly rankFactor: number;
  readonly reference: ReferenceMask;
  /** [n, n] */
  readonly referenceMask: Float64Array;
  readonly shiftGradient: ShiftGradient;
  readonly openDiagonal: boolean;
  readonly projection: SimplexReturn;
}

/** The paper's competitive ascent: W <- P(W + rate dP/dW). */
export interface ProjectedGradient {
  readonly kind: 'projectedGradient';
  /** lambda > 0; the paper uses 0.005. */
  readonly rate: number;
  /** Which rows read the new rows of a step: none (default), those later in the round, or later in an order drawn anew each step. */
  readonly order?: 'simultaneous' | 'sequential' | 'random';
  /** Seed of order 'random'. Default 0. */
  readonly seed?: number;
  /** Largest Euclidean change of a row in one step. Default: no bound. */
  readonly epsilon?: number;
}

/** Projected gradient with a step length read off the last two gradients (Barzilai and Borwein): the fast method. */
export interface Spectral {
  readonly kind: 'spectral';
  /** First step length. Default 1. */
  readonly firstRate?: number;
  /** Step lengths stay within [leastRate, largestRate]. Default [1e-3, 1e6]. */
  readonly leastRate?: number;
  readonly largestRate?: number;
}

/** Ascent on logits, w = softmax(u), along the natural gradient: u <- u + rate (g - g.w). A cross-check without a projection. */
export interface Softmax {
  readonly kind: 'softmax';
  /** Step length on the logits. Default 1. */
  readonly rate?: number;
}

/** How to look for an equilibrium. */
export type Method = ProjectedGradient | Spectral | Softmax;

/** When to stop. */
export interface StopRule {
  /** Converged when the largest natural residual |P(w + g) - w| of a row is at most this. Default 1e-6. */
  readonly residual?: number;
  /** Default 1000 n, as the paper. */
  readonly maxSteps?: number;
  /** Steps between looks at the residual. Default: 10, or 1 for 'spectral'. */
  readonly checkEvery?: number;
}

/** What to keep along the way. */
export interface RecordRule {
  /** Steps between records; the first record is the start, the last the end. Default 0: none. */
  readonly every?: number;
  /** Keep R of each record. Default true. */
  readonly ranking?: boolean;
  /** Keep W of each record. Default false. */
  readonly weights?: boolean;
}

/** What to do when a run does not simply converge. */
export interface FailurePolicy {
  /** 'stop' (default): end the run when it is seen to repeat itself. 'continue': note the period and continue. */
  readonly onCycle?: 'stop' | 'continue';
}

/** How a run ended; 'saturated': the residual is small, but at least half of the mask's gradients are lost to rounding (deadShare). */
export type StatusKind = 'converged' | 'saturated' | 'stepLimit' | 'cycling' | 'aborted' | 'diverged';

/** How a run ended, and what to do about it. */
export interface Status {
  readonly kind: StatusKind;
  /** One sentence: what happened, and what to try. */
  readonly message: string;
  /** Steps after which the run repeats itself; for 'cycling' alone. */
  readonly period?: number;
}

/** One moment of a run. */
export interface TraceEntry {
  readonly step: number;
  /** Largest natural residual of a row. */
  readonly residual: number;
  readonly diagonalShare: number;
  /** null where all weight is on the diagonal. */
  readonly diagonalRatio: number | null;
  readonly ranking?: Float64Array;
  readonly weights?: Float64Array;
}

/** What a better deviation found by search was worth. */
export interface GlobalCheck {
  /** Starts of the search per row. */
  readonly starts: number;
  /** [n]: best payoff found by a deviation less the payoff held; 0 where none was better. */
  readonly improvement: Float64Array;
  /** Rows with an improvement above `tolerance`. */
  readonly improvedRows: readonly number[];
  readonly tolerance: number;
  /** true when no start found a better deviation: evidence of a global best response, not proof. */
  readonly holds: boolean;
}

/** How far the weights are from an equilibrium, row by row. */
export interface Certificate {
  /** [n]: Frank-Wolfe gap, units of payoff (as scaled). */
  readonly gap: Float64Array;
  /** [n]: natural residual. */
  readonly natural: Float64Array;
  /** [n]: largest first-order gain within the simplex at distance epsilon. */
  readonly regret: Float64Array;
  readonly epsilon: number;
  /** The largest entry of each. */
  readonly worst: { readonly gap: number; readonly natural: number; readonly regret: number };
  /** Present when a search was asked for. */
  readonly global?: GlobalCheck;
}

/** Options of the certificate. */
export interface CertificateRule {
  /** Radius of the ball of the local regret. Default 0.1. */
  readonly epsilon?: number;
  /** Random starts of the multi-start best response, beside each vertex, the centre and the row itself. Default: no search. */
  readonly starts?: number;
  /** Seed of the random starts. Default 0. */
  readonly seed?: number;
}

/** Figures of one run. */
export interface SolveStats {
  readonly steps: number;
  /** Largest natural residual of a row at the end. */
  readonly residual: number;
  /** Share of saturated mask entries at the end. */
  readonly deadShare: number;
}

/** How far a long run is. */
export interface SolveProgress {
  readonly stepsDone: number;
  /** Upper limit: trials that converge stop earlier. */
  readonly stepsTotal: number;
  readonly trialsDone: number;
  readonly trials: number;
}

/** What solvers share. */
export interface RunOptions {
  readonly method: Method;
  readonly stop?: StopRule;
  readonly failure?: FailurePolicy;
  /** Ends the run at the next whole step of each game; the result then has status 'aborted' and the state reached. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SolveProgress) => void;
  readonly backend?: Backend;
}

/** Options of solveEquilibrium. */
export interface SolveOptions extends RunOptions {
  readonly game: Game | GameOptions;
  readonly record?: RecordRule;
  readonly certificate?: CertificateRule;
  /**
   * A state of the same game and method, to continue from; the result is that of an unbroken run, to the bit. The stopping rule, the
   * record rule and the failure policy may differ from those of the run that wrote it: raise a limit and resume.
   */
  readonly resume?: Uint8Array;
  /** Called with the serialised state every `checkpointEvery` steps. */
  readonly onCheckpoint?: (state: Uint8Array, step: number) => void;
  /** Default 0: never. */
  readonly checkpointEvery?: number;
}

/** An equilibrium, or how far the search came. */
export interface Equilibrium {
  readonly status: Status;
  /** W [n, n] */
  readonly weights: Float64Array;
  /** R* [n] by (5), stake-weighted. */
  readonly ranking: Float64Array;
  /** R* [n] by (4), unweighted; equal to `ranking` for unit stake. */
  readonly unweightedRanking: Float64Array;
  readonly certificate: Certificate;
  readonly trace: readonly TraceEntry[];
  readonly stats: SolveStats;
  /** The serialised state, to resume from. */
  readonly state: Uint8Array;
}

/** Options of solveMany: many games at once on every core. */
export interface SolveManyOptions extends RunOptions {
  /** All of one size n. Games whose options shared one Hessian object share its memory and load it once. */
  readonly games: readonly (Game | GameOptions)[];
  /** Radius of the local regret in each row; default 0.1. */
  readonly epsilon?: number;
}

/** Many outcomes, flat: entry k belongs to game k. */
export interface EquilibriumBatch {
  readonly count: number;
  readonly n: number;
  readonly status: readonly StatusKind[];
  /** 0 where the run does not cycle. */
  readonly period: Int32Array;
  readonly steps: Float64Array;
  /** Largest natural residual of a row. */
  readonly residual: Float64Array;
  /** Largest Frank-Wolfe gap of a row. */
  readonly gap: Float64Array;
  /** Largest local regret of a row. */
  readonly regret: Float64Array;
  /** [count, n, n] */
  readonly weights: Float64Array;
  /** [count, n], by (5). */
  readonly ranking: Float64Array;
  readonly diagonalShare: Float64Array;
  /** NaN never appears: infinity where all weight is on the diagonal. */
  readonly diagonalRatio: Float64Array;
  readonly deadShare: Float64Array;
}

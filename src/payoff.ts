/** What a choice of weights costs and pays: the empirical loss (14), its gradient (19), the payoff's gradient (13), (18). */
import { backendOf } from './backend/index.js';
import { type CompetitionOptions, competitionMask } from './competition.js';
import { InputError } from './core/errors.js';
import { checkPeerHessians, checkStake } from './core/peers.js';
import { checkInteger, checkNonNegative, checkOneOf, checkOptions, checkVector, type NumericArray } from './core/validate.js';
import type { Hessian } from './curvature.js';

const REFERENCES = ['ones', 'initial', 'closed'] as const;

/** The mask that a loss is measured against. */
export type ReferenceMask = (typeof REFERENCES)[number];

/** One state of the game (14): weights and what they are worth to each participant. */
export interface MaskedLossOptions extends CompetitionOptions {
  /** H_i of each participant: dense [n, n, n], shared [n, n], lowRank A [rank, n] or [n, rank, n], diagonal [n] or [n, n]. */
  readonly hessian: Hessian;
  /** 'ones' (default): every input open. 'initial': the mask of `initialWeights`. 'closed': every input shut. */
  readonly reference?: ReferenceMask;
  /** [n, n], rows on the simplex; for reference 'initial' alone. */
  readonly initialWeights?: NumericArray;
}

/** The empirical loss of each participant and its gradient in the own row. */
export interface WeightGradient {
  /** [n, n]: dL_i/dw_ij. */
  readonly gradient: Float64Array;
  /** [n]: L_i. */
  readonly loss: Float64Array;
  /** Share of entries whose gradient is lost to saturation; see {@link competitionMask}. */
  readonly deadShare: number;
}

/**
 * The empirical loss of each participant under a choice of weights.
 *
 * @shape weights [n, n], hessian by storage; result [n]
 * @param options - `weights`, `stake`, `temperature`, `n`, `hessian`, `reference`.
 * @returns L [n], L_i = delta_i^T H_i delta_i with delta the mask less its reference; no factor 1/2.
 * @throws InputError BTM_SYMMETRY, BTM_DOMAIN, BTM_ROWSUM, BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; H delta by chains of fused multiply-adds, the dot product by the fixed tree; same bits on every backend
 * @cost 2 n^3 FLOP (dense, shared), 4 n^2 rank (low rank), 3 n^2 (diagonal)
 * @paper (14), section 2.2, R-02, R-03
 * @example
 * ```ts
 * import { maskedLoss } from 'intermodel';
 * const hessian = { kind: 'diagonal', data: [2, 3] } as const;
 * console.log(maskedLoss({ weights: [0.5, 0.5, 0.5, 0.5], temperature: 1, n: 2, hessian })); // Float64Array(2) [ 1.25, 1.25 ]
 * ```
 */
export function maskedLoss(options: MaskedLossOptions): Float64Array {
  return weightGradient(options).loss;
}

/**
 * The gradient of each participant's empirical loss in its own row of weights.
 *
 * @shape weights [n, n], hessian by storage; gradient [n, n], loss [n]
 * @param options - those of {@link maskedLoss}.
 * @returns { gradient, loss, deadShare }; gradient_ij = 2 (H_i delta_i)_j dm_ij/dw_ij.
 * @throws InputError as {@link maskedLoss}
 * @numerics f64; same bits on every backend
 * @cost that of {@link maskedLoss}; memory-bound for dense storage (8 n^3 bytes)
 * @paper (14), (19), (25), appendix 6.3, R-02, R-03, R-12
 * @example
 * ```ts
 * import { weightGradient } from 'intermodel';
 * const hessian = { kind: 'diagonal', data: [2, 3] } as const;
 * const { gradient } = weightGradient({ weights: [0.5, 0.5, 0.5, 0.5], temperature: 1, n: 2, hessian });
 * console.log(gradient); // Float64Array(4) [ -0.25, -0.375, -0.25, -0.375 ]
 * ```
 */
export function weightGradient(options: MaskedLossOptions): WeightGradient {
  const { mask, derivative, deadShare } = competitionMask(options);
  const n = options.n;
  const { kernels } = backendOf(options.backend);
  const { data, storage, rank, own } = checkPeerHessians(options.hessian, n, kernels);
  const reference = referenceMask(options);
  const gradient = new Float64Array(n * n);
  const loss = new Float64Array(n);
  kernels.weightGradient(gradient, loss, mask, derivative, reference, data, storage, rank, own, n);
  return { gradient, loss, deadShare };
}

/** The mask that a loss is measured against. */
export function referenceMask(options: MaskedLossOptions): Float64Array {
  const n = options.n;
  const reference = checkOneOf('reference', options.reference ?? 'ones', REFERENCES);
  if (reference !== 'initial') return new Float64Array(n * n).fill(reference === 'ones' ? 1 : 0);
  if (options.initialWeights === undefined) {
    throw new InputError('BTM_TYPE', "must be given for reference 'initial'", { argument: 'initialWeights' });
  }
  return competitionMask({ ...options, weights: options.initialWeights }).mask;
}

/** One participant's weights through its real head. */
export interface HeadWeightGradientOptions extends CompetitionOptions {
  /** Row of the weights whose owner's head this is, 0 .. n-1. */
  readonly participant: number;
  /** [batch, n, width]: dL/dF_W, the loss gradient at the head's masked inputs. */
  readonly inputGradient: NumericArray;
  /** [batch, n, width]: the peers' responses F. */
  readonly responses: NumericArray;
  readonly batch: number;
  readonly width: number;
}

/**
 * The gradient of one participant's real loss in its own row of weights, through the mask on its inputs.
 *
 * @shape inputGradient, responses [batch, n, width]; gradient, inner [n]
 * @param options - those of {@link competitionMask}, with `participant`, `inputGradient`, `responses`, `batch`, `width`.
 * @returns `gradient` [n] and `inner` [n], the products sum_b <dL/dF_W[b, j, :], F[b, j, :]> that it scales.
 * @throws InputError as {@link competitionMask}
 * @numerics f64; fixed tree over the width, samples in ascending order; same bits on every backend
 * @cost 2 batch n width FLOP
 * @paper section 1.5, step 4 of 1.6, R-12
 * @example
 * ```ts
 * import { headWeightGradient } from 'intermodel';
 * const { gradient } = headWeightGradient({
 *   weights: [0.5, 0.5, 0.5, 0.5], temperature: 1, n: 2, participant: 0,
 *   inputGradient: [1, 2], responses: [8, 8], batch: 1, width: 1,
 * });
 * console.log(gradient); // Float64Array(2) [ 1, 2 ]
 * ```
 */
export function headWeightGradient(options: HeadWeightGradientOptions): { gradient: Float64Array; inner: Float64Array } {
  const { derivative } = competitionMask(options);
  const n = options.n;
  const participant = checkInteger('participant', options.participant, 0, n - 1);
  const batch = checkInteger('batch', options.batch, 0);
  const width = checkInteger('width', options.width, 0);
  const inputGradient = checkVector('inputGradient', options.inputGradient, batch * n * width);
  const responses = checkVector('responses', options.responses, batch * n * width);
  const gradient = new Float64Array(n);
  const inner = new Float64Array(n);
  const row = derivative.slice(participant * n, (participant + 1) * n);
  const { kernels } = backendOf(options.backend);
  kernels.headWeightGradient(gradient, inner, inputGradient, responses, row, batch, n, width);
  return { gradient, inner };
}

/** How loss and inflation enter the payoff. */
export interface PayoffTerms {
  /** Price of a unit of loss, >= 0. */
  readonly alpha: number;
  /** Inflation rate, >= 0; above 0 for scaling 'ratio'. */
  readonly tau: number;
  /** 'cost' (default): P = -alpha L + tau R. 'gain': +alpha L, as (13) and (20) print it. */
  readonly utility?: 'cost' | 'gain';
  /** 'ratio' (default): (alpha / tau) dL + dR, as (13). 'absolute': alpha dL + tau dR, as (10), where tau varies. */
  readonly scaling?: 'ratio' | 'absolute';
}

/** Options of {@link payoffGradient}. */
export interface PayoffGradientOptions extends MaskedLossOptions, PayoffTerms {}

/**
 * The gradient of each participant's payoff in its own row of weights: what competitive ascent follows.
 *
 * @shape weights [n, n], hessian by storage; gradient [n, n], loss [n]
 * @param options - those of {@link maskedLoss}, with `alpha`, `tau`, `utility`, `scaling`.
 * @returns { gradient, loss, deadShare }; the gradient is of the payoff, the loss is L.
 * @throws InputError as {@link maskedLoss}; BTM_DOMAIN for tau = 0 under scaling 'ratio'
 * @numerics f64; same bits on every backend
 * @cost that of {@link weightGradient}
 * @paper (10), (13), (18), (24), R-01, R-17
 * @example
 * ```ts
 * import { payoffGradient } from 'intermodel';
 * const hessian = { kind: 'diagonal', data: [2, 3] } as const;
 * const { gradient } = payoffGradient({ weights: [0.5, 0.5, 0.5, 0.5], temperature: 1, n: 2, hessian, alpha: 2, tau: 1 });
 * console.log(gradient); // Float64Array(4) [ 1, 0.75, 0.5, 1.25 ]
 * ```
 */
export function payoffGradient(options: PayoffGradientOptions): WeightGradient {
  checkOptions(options);
  const { lossFactor, rankFactor } = payoffFactors(options);
  const { gradient: lossGradient, loss, deadShare } = weightGradient(options);
  const n = options.n;
  const gradient = new Float64Array(n * n);
  const { kernels } = backendOf(options.backend);
  kernels.payoffGradient(gradient, lossGradient, checkStake(options.stake, n), lossFactor, rankFactor, n);
  return { gradient, loss, deadShare };
}

/** The factors of dL and dR in the payoff's gradient. */
export function payoffFactors(terms: PayoffTerms): { lossFactor: number; rankFactor: number } {
  const alpha = checkNonNegative('alpha', terms.alpha);
  const tau = checkNonNegative('tau', terms.tau);
  const sign = checkOneOf('utility', terms.utility ?? 'cost', ['cost', 'gain']) === 'cost' ? -1 : 1;
  if (checkOneOf('scaling', terms.scaling ?? 'ratio', ['ratio', 'absolute']) === 'absolute') {
    return { lossFactor: sign * alpha, rankFactor: tau };
  }
  if (tau === 0 || !Number.isFinite(alpha / tau)) {
    throw new InputError('BTM_DOMAIN', `must leave alpha / tau finite, got ${tau}`, {
      argument: 'tau',
      value: tau,
      remedy: "Use scaling 'absolute', which is equation (10).",
    });
  }
  return { lossFactor: sign * (alpha / tau), rankFactor: 1 };
}

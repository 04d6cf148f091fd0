/** Rankings and stake: the ideal ranking, the weights on the ledger, the network's ranking and inflation. Equations (2) to (6). */
import { type Backend, backendOf } from './backend/index.js';
import { EMISSION_NORMS } from './core/closed-lists.js';
import { InputError } from './core/errors.js';
import { checkPeers, checkStake } from './core/peers.js';
import { checkNonNegative, checkNonNegativeVector, checkOneOf, checkVector, checkWeights, type NumericArray } from './core/validate.js';
import { diagonalSums } from './reference/safe-scale.js';

export { type Association, type Correlations, correlations, kendall, pearson, spearman } from './reference/correlation.js';

/** What a score matrix is measured over. */
export interface ScoresOptions {
  /** [participants, n]: row i holds what participant i measured for each peer. */
  readonly scores: NumericArray;
  /** Peers; default: the square root of the number of scores (as many participants as peers). */
  readonly n?: number;
  readonly backend?: Backend;
}

/**
 * The ideal ranking: the mean over participants of what removing each peer costs them.
 *
 * @shape scores [participants, n]; result [n]
 * @param options - `scores`, in the unit of the loss, any sign; `n` when the matrix is not square.
 * @returns R [n], R_j = (1/participants) sum_i scores[i][j].
 * @throws InputError BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; each entry one ascending sum; same bits on every backend
 * @cost participants * n additions
 * @paper (2), section 1.2, R-04
 * @example
 * ```ts
 * import { idealRanking } from 'intermodel';
 * console.log(idealRanking({ scores: [1, 2, 3, 4] })); // Float64Array(2) [ 2, 3 ]
 * ```
 */
export function idealRanking(options: ScoresOptions): Float64Array {
  const { scores, rows, n } = checkScores(options);
  if (rows === 0 && n > 0) {
    throw new InputError('BTM_SHAPE', 'must hold at least one participant', { argument: 'scores', value: scores.length });
  }
  const out = new Float64Array(n);
  kernelsOf(options).idealRanking(out, scores, rows, n);
  return out;
}

/**
 * The inter-model weights: each participant's scores divided by their sum, so that every row lies on the simplex.
 *
 * A row of zeros says nothing of anybody and becomes 1/n throughout.
 * @shape scores [participants, n]; result [participants, n]
 * @param options - `scores` >= 0; `n` when the matrix is not square.
 * @returns W [participants, n] with rows that sum to 1; w[i][j] is what rater i gives peer j.
 * @throws InputError BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; scaled by the row's largest entry first, so nothing overflows; same bits on every backend
 * @cost 2 divisions an entry
 * @paper (3), section 1.3, R-06, R-10
 * @example
 * ```ts
 * import { interRanking } from 'intermodel';
 * console.log(interRanking({ scores: [1, 3, 2, 2] })); // Float64Array(4) [ 0.25, 0.75, 0.5, 0.5 ]
 * ```
 */
export function interRanking(options: ScoresOptions): Float64Array {
  const { scores, rows, n } = checkScores(options);
  checkNonNegativeVector('scores', scores, scores.length);
  const out = new Float64Array(scores.length);
  kernelsOf(options).interRanking(out, scores, rows, n);
  return out;
}

/** Weights and stake of n peers. */
export interface NetworkRankingOptions {
  /** [n, n], rows on the simplex; w[i][j] is what rater i gives peer j. */
  readonly weights: NumericArray;
  /** [n], token units, >= 0. Default: one each, which is equation (4). */
  readonly stake?: NumericArray;
  readonly n: number;
  readonly backend?: Backend;
}

/**
 * The network's ranking: the stake-weighted column means of the weights.
 *
 * @shape weights [n, n], stake [n]; result [n]
 * @param options - `weights` with rows on the simplex, the raters' `stake` (default: one each), `n`.
 * @returns R [n], R_j = (1/n) sum_i s_i w_ij; the same number is the shift mu_j of the mask.
 * @throws InputError BTM_ROWSUM, BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; each entry one ascending chain of fused multiply-adds; same bits on every backend
 * @cost n^2 fused multiply-adds, one pass over the weights
 * @paper (4), (5), section 1.4, R-06, R-07
 * @example
 * ```ts
 * import { networkRanking } from 'intermodel';
 * console.log(networkRanking({ weights: [0.4, 0.6, 0.5, 0.5], stake: [5, 2], n: 2 })); // Float64Array(2) [ 1.5, 2 ]
 * ```
 */
export function networkRanking(options: NetworkRankingOptions): Float64Array {
  const n = checkPeers(options?.n);
  const kernels = kernelsOf(options);
  const weights = checkWeights('weights', options.weights, n, kernels);
  const stake = checkStake(options.stake, n);
  const out = new Float64Array(n);
  kernels.networkRanking(out, weights, stake, n);
  return out;
}

/** Options of {@link rankGradient}. */
export interface RankGradientOptions extends NetworkRankingOptions {
  /** How the emission is normalised. Default 'none': the raw rank, as in the payoff's gradient (13). */
  readonly norm?: EmissionNorm;
}

/**
 * How each participant's own emission moves with its row of weights.
 *
 * With the raw rank only the self-weight counts; normalised, giving to others costs rank too.
 * @shape weights [n, n], stake [n]; result [n, n]
 * @param options - those of {@link networkRanking}, and `norm`.
 * @returns dr_i/dw_ij with r = R / |R|; zero where the ranking is zero.
 * @throws InputError as {@link networkRanking}
 * @numerics f64; same bits on every backend
 * @cost n^2
 * @paper (5), (6), (13), R-07, R-08
 * @example
 * ```ts
 * import { rankGradient } from 'intermodel';
 * console.log(rankGradient({ weights: [0.4, 0.6, 0.5, 0.5], stake: [5, 2], n: 2 })); // Float64Array(4) [ 2.5, 0, 0, 1 ]
 * ```
 */
export function rankGradient(options: RankGradientOptions): Float64Array {
  const n = checkPeers(options?.n);
  const weights = checkWeights('weights', options.weights, n, kernelsOf(options));
  const norm = EMISSION_NORMS.indexOf(checkOneOf('norm', options.norm ?? 'none', EMISSION_NORMS));
  const out = new Float64Array(n * n);
  kernelsOf(options).rankGradient(out, weights, checkStake(options.stake, n), norm, n);
  return out;
}

/** How an emission is normalised. */
export type EmissionNorm = (typeof EMISSION_NORMS)[number];

/** One block of inflation. */
export interface InflateOptions {
  /** [n], token units, >= 0. */
  readonly stake: NumericArray;
  /** [n], >= 0. */
  readonly ranking: NumericArray;
  /** Emission rate, token units per block, >= 0. */
  readonly tau: number;
  /** 'l2' (the paper): tau R / |R|_2, mints between tau and tau sqrt(n). 'l1': mints exactly tau. 'none': tau R. */
  readonly norm?: EmissionNorm;
  readonly backend?: Backend;
}

/**
 * Pays the ranking out as stake.
 *
 * @shape stake [n], ranking [n]; result.stake [n]
 * @param options - `stake`, `ranking`, `tau`, `norm` (default 'l2').
 * @returns `stake` after the block, and `minted`, what was added in all. A ranking of zeros mints nothing.
 * @throws InputError BTM_NEGATIVE, BTM_DOMAIN, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; norms neither overflow nor underflow; same bits on every backend
 * @cost n divisions
 * @paper (6), section 1.4, R-08
 * @example
 * ```ts
 * import { inflate } from 'intermodel';
 * const { stake, minted } = inflate({ stake: [5, 2], ranking: [1.5, 2], tau: 10 });
 * console.log(stake, minted); // Float64Array(2) [ 11, 10 ] 14
 * ```
 */
export function inflate(options: InflateOptions): { stake: Float64Array; minted: number } {
  const n = checkPeers(options?.stake?.length);
  const stake = checkNonNegativeVector('stake', options.stake, n);
  const ranking = checkNonNegativeVector('ranking', options.ranking, n);
  const tau = checkNonNegative('tau', options.tau);
  const norm = EMISSION_NORMS.indexOf(checkOneOf('norm', options.norm ?? 'l2', EMISSION_NORMS));
  const out = new Float64Array(n);
  const minted = new Float64Array(1);
  kernelsOf(options).inflate(out, minted, stake, ranking, tau, norm, n);
  const overflow = Number.isFinite(minted[0]) ? out.findIndex((entry) => !Number.isFinite(entry)) : 0;
  if (overflow >= 0) {
    throw new InputError('BTM_DOMAIN', `must leave stake below the largest double, got ${tau}`, {
      argument: 'tau',
      index: overflow,
      value: tau,
      remedy: 'Use larger units of stake.',
    });
  }
  return { stake: out, minted: minted[0] };
}

/**
 * The share of all weight that participants give themselves: the paper's sparsity, as its formula reads.
 *
 * @shape weights [n, n]
 * @returns trace / total, in [0, 1]; null when all weights are 0.
 * @throws InputError BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @paper section 3, R-20
 * @example
 * ```ts
 * import { diagonalShare } from 'intermodel';
 * console.log(diagonalShare({ weights: [0.4, 0.6, 0.5, 0.5], n: 2 })); // 0.45
 * ```
 */
export function diagonalShare(options: { weights: NumericArray; n: number }): number | null {
  const { own, total } = diagonalOf(options);
  return total > 0 ? own / total : null;
}

/**
 * The weight that participants give themselves against what they give others: the paper's sparsity, as its words read.
 *
 * @shape weights [n, n]
 * @returns trace / (total - trace), 0 or more; null when no participant gives weight to another (W = I, or n = 1).
 * @throws InputError BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @paper section 3, Figure 5, R-20
 * @example
 * ```ts
 * import { diagonalRatio } from 'intermodel';
 * console.log(diagonalRatio({ weights: [0.5, 0.5, 0.5, 0.5], n: 2 })); // 1
 * ```
 */
export function diagonalRatio(options: { weights: NumericArray; n: number }): number | null {
  const { own, others } = diagonalOf(options);
  return others > 0 ? own / others : null;
}

function diagonalOf(options: { weights: NumericArray; n: number }): { own: number; others: number; total: number } {
  const n = checkPeers(options?.n);
  const weights = checkNonNegativeVector('weights', options.weights, n * n);
  const { own, others } = diagonalSums(weights, n);
  return { own, others, total: own + others };
}

function checkScores(options: ScoresOptions): { scores: Float64Array; rows: number; n: number } {
  const length = options?.scores?.length ?? 0;
  const n = checkPeers(options?.n ?? Math.round(Math.sqrt(length)));
  const rows = n === 0 ? 0 : Math.floor(length / n);
  return { scores: checkVector('scores', options?.scores, rows * n), rows, n };
}

function kernelsOf(options: { readonly backend?: Backend }): Backend['kernels'] {
  return backendOf(options.backend).kernels;
}

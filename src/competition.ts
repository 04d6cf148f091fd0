/** Competition for connectivity: who is connected to whom under a choice of weights. Equations (7), (8). */
import { type Backend, backendOf } from './backend/index.js';
import { checkPeers, checkStake, checkTemperature } from './core/peers.js';
import { checkInteger, checkOneOf, checkVector, checkWeights, type NumericArray } from './core/validate.js';
import { SHIFT_GRADIENTS } from './reference/competition.js';

/** Whether the own weight's part in the shift mu_j is differentiated. */
export type ShiftGradient = (typeof SHIFT_GRADIENTS)[number];

/** The weights, stake and temperature that a mask follows from. */
export interface CompetitionOptions {
  /** [n, n], rows on the simplex; w[i][j] is what participant i gives peer j. */
  readonly weights: NumericArray;
  /** [n], token units, >= 0. Default: one each. */
  readonly stake?: NumericArray;
  /** T > 0, in units of stake times weight. No default: results depend on it. */
  readonly temperature: number;
  readonly n: number;
  /** 'exact' (default): dm_ij/dw_ij holds the factor 1 - 1/n. 'stopped': the shift counts as a constant. */
  readonly shiftGradient?: ShiftGradient;
  /** Leaves every participant's own response open: mask 1, derivative 0 on the diagonal. Default false. */
  readonly openDiagonal?: boolean;
  readonly backend?: Backend;
}

/** The mask and what its gradient needs. */
export interface CompetitionMask {
  /** [n, n], in (0, 1): how far input j is open for participant i. */
  readonly mask: Float64Array;
  /** [n]: mu_j, the mean stake-weighted weight of each column. */
  readonly shift: Float64Array;
  /** [n, n]: dm_ij/dw_ij. */
  readonly derivative: Float64Array;
  /** Share of entries whose sigma' is below 2^-53: the mask is saturated and gradients through it are lost in rounding. */
  readonly deadShare: number;
}

/**
 * The competition mask: how far each input is open to each participant under a choice of weights.
 *
 * A deadShare above a few percent means that the temperature is too low for gradients to say anything.
 * @shape weights [n, n], stake [n]; mask, derivative [n, n], shift [n]
 * @param options - `weights`, `stake`, `temperature`, `n`; `shiftGradient`, `openDiagonal`.
 * @returns { mask, shift, derivative, deadShare }
 * @throws InputError BTM_DOMAIN (temperature), BTM_ROWSUM, BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @numerics f64; both from e^-|x|, so neither tail cancels; same bits on every backend
 * @cost one exponential and two divisions an entry
 * @paper (7), (8), section 1.5, R-12, R-13, R-14
 * @example
 * ```ts
 * import { competitionMask } from 'intermodel';
 * const { mask } = competitionMask({ weights: [0.75, 0.25, 0.5, 0.5], temperature: 0.125 / Math.log(3), n: 2 });
 * console.log(mask.map((m) => Math.round(m * 100) / 100)); // Float64Array(4) [ 0.75, 0.25, 0.25, 0.75 ]
 * ```
 */
export function competitionMask(options: CompetitionOptions): CompetitionMask {
  const n = checkPeers(options?.n);
  const { kernels } = backendOf(options.backend);
  const weights = checkWeights('weights', options.weights, n, kernels);
  const stake = checkStake(options.stake, n);
  const temperature = checkTemperature(options.temperature, stake);
  const shiftGradient = SHIFT_GRADIENTS.indexOf(checkOneOf('shiftGradient', options.shiftGradient ?? 'exact', SHIFT_GRADIENTS));
  const mask = new Float64Array(n * n);
  const derivative = new Float64Array(n * n);
  const shift = new Float64Array(n);
  const dead = new Float64Array(1);
  const open = options.openDiagonal === true ? 1 : 0;
  kernels.competitionMask(mask, derivative, shift, dead, weights, stake, temperature, shiftGradient, open, n);
  return { mask, shift, derivative, deadShare: n === 0 ? 0 : dead[0] / (n * n) };
}

/** One participant's inputs under a choice of weights. */
export interface MaskedInputsOptions extends CompetitionOptions {
  /** Row of the weights whose owner receives the inputs, 0 .. n-1. */
  readonly participant: number;
  /** [batch, n, width]: the peers' responses F. */
  readonly responses: NumericArray;
  readonly batch: number;
  readonly width: number;
}

/**
 * The inputs that competition leaves one participant: each peer's response times its mask.
 *
 * @shape responses [batch, n, width]; result [batch, n, width]
 * @param options - those of {@link competitionMask}, with `participant`, `responses`, `batch`, `width`.
 * @returns F_W for that participant.
 * @throws InputError as {@link competitionMask}
 * @numerics f64; same bits on every backend
 * @cost one multiplication an entry
 * @paper (7), section 1.5
 * @example
 * ```ts
 * import { maskedInputs } from 'intermodel';
 * const weights = [0.5, 0.5, 0.5, 0.5];
 * console.log(maskedInputs({ weights, temperature: 1, n: 2, participant: 0, responses: [2, 4], batch: 1, width: 1 }));
 * // Float64Array(2) [ 1, 2 ]
 * ```
 */
export function maskedInputs(options: MaskedInputsOptions): Float64Array {
  const { mask } = competitionMask(options);
  const n = options.n;
  const participant = checkInteger('participant', options.participant, 0, n - 1);
  const batch = checkInteger('batch', options.batch, 0);
  const width = checkInteger('width', options.width, 0);
  const responses = checkVector('responses', options.responses, batch * n * width);
  const out = new Float64Array(responses.length);
  const { kernels } = backendOf(options.backend);
  kernels.maskedInputs(out, mask.slice(participant * n, (participant + 1) * n), responses, batch, n, width);
  return out;
}

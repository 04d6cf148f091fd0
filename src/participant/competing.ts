/** Live competition: a participant moves its row up the gradient of its own payoff, with its real loss (section 1.6, step 4). */
import type { Backend } from '../backend/index.js';
import { competitionMask } from '../competition.js';
import { type Head, headGradient } from '../head.js';
import { headWeightGradient, payoffFactors } from '../payoff.js';
import { projectBoundedStep } from '../projection.js';
import { applyMask } from './participant.js';
import type { Targets } from './samples.js';

/** What participant `index` knows when it chooses its row. */
export interface CompetingRowOptions {
  readonly index: number;
  readonly head: Head;
  /** F `[batch, peers, width]`: the peers' responses before the mask. */
  readonly responses: Float64Array;
  readonly targets: Targets;
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
  /** The ledger's weights `[peers, peers]` and stake `[peers]`, in tokens. */
  readonly weights: Float64Array;
  readonly stake: Float64Array;
  readonly temperature: number;
  /** Tokens that a nat of loss is worth to the participant: alpha / tau of (13). */
  readonly ratio: number;
  /** Step length on the row. */
  readonly rate: number;
  /** Bound on the change of a row. */
  readonly epsilon: number;
  readonly backend: Backend;
}

/** A chosen row and what it was chosen by. */
export interface CompetingRow {
  /** `[peers]`, on the simplex, within epsilon of the row before. */
  readonly row: Float64Array;
  /** Mean loss under the current mask, nats. */
  readonly loss: number;
  /** dP/dw, `[peers]`, in tokens. */
  readonly gradient: Float64Array;
}

/**
 * One step of competitive ascent: w_i <- P(w_i + rate dP_i/dw_i), P_i = -alpha L_i + tau R_i, P the exact projection on the rows that the ledger admits.
 *
 * L_i is the mean loss of its head over the masked responses, so dL_i/dw_ij = <dL/dF_W, F>_j dm_ij/dw_ij; dR_i/dw_ij = s_i/n for j = i.
 */
export function competingRow(options: CompetingRowOptions): CompetingRow {
  const { index, head, responses, targets, batch, peers, width, weights, stake, temperature, backend } = options;
  const state = { weights, stake, temperature, n: peers, backend };
  const { mask } = competitionMask(state);
  const masked = applyMask(responses, mask.slice(index * peers, (index + 1) * peers), width);
  const call = { batch, width, backend };
  const { loss, responses: inputGradient } = headGradient({ ...call, head, responses: masked, ...targets, peers });
  const ofLoss = headWeightGradient({ ...state, ...call, participant: index, inputGradient, responses }).gradient;
  const { lossFactor, rankFactor } = payoffFactors({ alpha: options.ratio, tau: 1 });
  const gradient = ofLoss.map((slope, peer) => lossFactor * slope + (peer === index ? (rankFactor * stake[index]) / peers : 0));
  const row = projectBoundedStep({
    rows: weights.slice(index * peers, (index + 1) * peers),
    steps: gradient.map((slope) => options.rate * slope),
    epsilon: options.epsilon,
    n: peers,
    backend,
  });
  return { row, loss: loss ?? 0, gradient };
}

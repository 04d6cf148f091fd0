/** What competition costs: the competitive equilibrium against the joint optimum of all participants. */
import { HESSIAN_STORAGES } from '../core/closed-lists.js';
import { checkInteger, checkOptions, checkWeights, type NumericArray } from '../core/validate.js';
import { hessianStride } from '../reference/payoff.js';
import { ascend } from './ascent.js';
import { asGame } from './game.js';
import { jointObjective, type Objective, shiftAt } from './objective.js';
import type { Game, GameOptions } from './types.js';

const DEFAULT_STEPS = 2000;

/** Total loss and ranking of one way to choose the weights. */
export interface Outcome {
  readonly weights: Float64Array;
  /** R [n] by (5). */
  readonly ranking: Float64Array;
  /** sum_i L_i; the sum of all ranks is the same for every choice, so this alone is the welfare. */
  readonly totalLoss: number;
}

/** The three rankings of the paper side by side. */
export interface PriceOfAnarchy {
  /** [n]: (2) in the empirical model, the mean over participants of H_i[j, j]. */
  readonly ideal: Float64Array;
  /** The best weights found for all participants together. */
  readonly coordinated: Outcome;
  readonly competitive: Outcome;
  /** Total competitive over total coordinated loss, >= 1 up to the search; null when the coordinated loss is 0. */
  readonly price: number | null;
}

/**
 * The price of anarchy: total loss at the competitive weights over the least total loss that one coordinator finds.
 *
 * The total loss is not convex, so the coordinated optimum is the best of several starts: the price is a lower bound.
 * @shape weights [n, n]
 * @param options - `game`, the competitive `weights`, `steps` of the joint descent (default 2000).
 * @returns The ideal ranking, the coordinated and the competitive outcome, and the price.
 * @throws InputError as createGame
 * @cost up to 4 * steps joint gradients, in TypeScript
 * @paper section 3 (competitive and coordinated rank), R-04, R-22
 * @example
 * ```ts
 * import { priceOfAnarchy } from 'intermodel';
 * const game = {
 *   n: 2, temperature: 5, alpha: 25, tau: 1,
 *   hessian: { kind: 'diagonal', data: [2, 3] }, initialWeights: [0.5, 0.5, 0.5, 0.5],
 * } as const;
 * console.log(priceOfAnarchy({ game, weights: [1, 0, 0, 1] }).ideal); // Float64Array(2) [ 2, 3 ]
 * ```
 */
export function priceOfAnarchy(options: { game: Game | GameOptions; weights: NumericArray; steps?: number }): PriceOfAnarchy {
  checkOptions(options);
  const game = asGame(options.game);
  const { n } = game;
  const weights = checkWeights('weights', options.weights, n);
  const steps = checkInteger('steps', options.steps ?? DEFAULT_STEPS, 0);
  const joint = jointObjective(game);
  const even = weights.map(() => 1 / n);
  const identity = weights.map((_, at) => (at % (n + 1) === 0 ? 1 : 0));
  const found = [weights, game.initialWeights, even, identity].map((start) => outcomeAt(game, joint, ascend(joint, start, steps).weights));
  const coordinated = found.reduce((best, other) => (other.totalLoss < best.totalLoss ? other : best));
  const competitive = outcomeAt(game, joint, weights.slice());
  const price = coordinated.totalLoss > 0 ? competitive.totalLoss / coordinated.totalLoss : null;
  return { ideal: idealOf(game), coordinated, competitive, price };
}

function outcomeAt(game: Game, joint: Objective, weights: Float64Array): Outcome {
  return { weights, ranking: shiftAt(game, weights), totalLoss: -joint.at(weights).value };
}

/** (2): in the empirical model removing j from participant i costs H_i[j, j]. */
function idealOf(game: Game): Float64Array {
  const { n } = game;
  const { data, storage, rank, own } = game.hessians;
  const kind = HESSIAN_STORAGES[storage];
  const ideal = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const at = i * hessianStride(storage, rank, own, n);
    for (let j = 0; j < n; j++) {
      let entry = 0;
      if (kind === 'diagonal') entry = data[at + j];
      else if (kind !== 'lowRank') entry = data[at + j * n + j];
      else for (let r = 0; r < rank; r++) entry += data[at + r * n + j] ** 2;
      ideal[j] += entry / n;
    }
  }
  return ideal;
}

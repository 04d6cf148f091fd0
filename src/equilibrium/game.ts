/** Games: theta checked once and frozen, and the arrays that backends take. */
import type { Backend } from '../backend/index.js';
import { checkPeerHessians, checkPeers, checkStake, checkTemperature, type PeerHessians } from '../core/peers.js';
import { checkOneOf, checkWeights } from '../core/validate.js';
import type { Hessian } from '../curvature.js';
import { payoffFactors, referenceMask } from '../payoff.js';
import { SHIFT_GRADIENTS } from '../reference/competition.js';
import type { GameArrays } from '../reference/equilibrium.js';
import type { Game, GameOptions } from './types.js';

const games = new WeakSet<object>();
const checkedHessians = new WeakMap<object, Map<number, PeerHessians>>();

/**
 * Checks theta and freezes it into a game. Games made with the same Hessian object share its memory.
 *
 * @shape initialWeights [n, n], stake [n], hessian by storage
 * @param options - theta: `n`, `hessian`, `initialWeights`, `temperature`, `alpha`, `tau`, and the options of the readings.
 * @returns A frozen value; solvers take it, or the options themselves.
 * @throws InputError BTM_ROWSUM, BTM_SYMMETRY, BTM_DOMAIN, BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @cost a copy of the weights; one check of each Hessian
 * @paper section 2.2, section 3
 * @example
 * ```ts
 * import { createGame } from 'intermodel';
 * const game = createGame({
 *   n: 2, temperature: 5, alpha: 25, tau: 1,
 *   hessian: { kind: 'diagonal', data: [2, 3] }, initialWeights: [0.5, 0.5, 0.5, 0.5],
 * });
 * console.log(game.lossFactor); // -25
 * ```
 */
export function createGame(options: GameOptions, backend?: Backend): Game {
  const n = checkPeers(options?.n);
  const initialWeights = checkWeights('initialWeights', options.initialWeights, n).slice();
  const stake = checkStake(options.stake, n).slice();
  const temperature = checkTemperature(options.temperature);
  const shiftGradient = checkOneOf('shiftGradient', options.shiftGradient ?? 'exact', SHIFT_GRADIENTS);
  const projection = checkOneOf('projection', options.projection ?? 'exact', ['exact', 'clipRenormalise']);
  const { lossFactor, rankFactor } = payoffFactors(options);
  const market = { weights: initialWeights, stake, temperature, n, shiftGradient, openDiagonal: options.openDiagonal === true };
  const reference = options.reference ?? 'ones';
  const game: Game = Object.freeze({
    n,
    hessians: hessiansOf(options.hessian, n),
    initialWeights,
    stake,
    temperature,
    alpha: options.alpha,
    tau: options.tau,
    utility: options.utility ?? 'cost',
    scaling: options.scaling ?? 'ratio',
    lossFactor,
    rankFactor,
    reference,
    referenceMask: referenceMask({ ...market, reference, initialWeights, hessian: options.hessian, ...(backend && { backend }) }),
    shiftGradient,
    openDiagonal: market.openDiagonal,
    projection,
  });
  games.add(game);
  return game;
}

/** The game itself, or one made from options. */
export function asGame(game: Game | GameOptions, backend?: Backend): Game {
  return games.has(game) ? (game as Game) : createGame(game as GameOptions, backend);
}

/** A game as kernels take it. */
export function gameArrays(game: Game): GameArrays {
  const { data, storage, rank, own } = game.hessians;
  return { ...gameTerms(game), n: game.n, data, storage, rank, own, stake: game.stake, referenceMask: game.referenceMask };
}

/** The numbers of a game, by name. */
export function gameTerms(game: Game) {
  return {
    temperature: game.temperature,
    lossFactor: game.lossFactor,
    rankFactor: game.rankFactor,
    shiftGradient: SHIFT_GRADIENTS.indexOf(game.shiftGradient),
    openDiagonal: game.openDiagonal ? 1 : 0,
    clip: game.projection === 'exact' ? 0 : 1,
  };
}

function hessiansOf(hessian: Hessian, n: number): PeerHessians {
  if (typeof hessian !== 'object' || hessian === null) return checkPeerHessians(hessian, n);
  const bySize = checkedHessians.get(hessian) ?? new Map<number, PeerHessians>();
  checkedHessians.set(hessian, bySize);
  const found = bySize.get(n) ?? checkPeerHessians(hessian, n);
  bySize.set(n, found);
  return found;
}

/** Games: theta checked once and frozen, and the arrays that backends take. */
import { type Backend, backendOf } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkPeerHessians, checkPeers, checkStake, checkTemperature, type PeerHessians } from '../core/peers.js';
import { checkOneOf, checkWeights, describe } from '../core/validate.js';
import type { Hessian } from '../curvature.js';
import { payoffFactors, referenceMask } from '../payoff.js';
import { SHIFT_GRADIENTS } from '../reference/competition.js';
import type { GameArrays } from '../reference/equilibrium.js';
import type { Game, GameOptions } from './types.js';

const games = new WeakSet<object>();

/**
 * Checks theta and freezes it into a game: later changes of the arrays that were passed do not reach it.
 *
 * Games made with the same Hessian object share one copy of its entries as long as those do not change.
 * @shape initialWeights [n, n], stake [n], hessian by storage
 * @param options - theta: `n`, `hessian`, `initialWeights`, `temperature`, `alpha`, `tau`, and the options of the readings.
 * @returns A frozen value; solvers take it, or the options themselves, which they read in place.
 * @throws InputError BTM_ROWSUM, BTM_SYMMETRY, BTM_DOMAIN, BTM_NEGATIVE, BTM_SHAPE, BTM_NONFINITE, BTM_TYPE
 * @cost a copy of the weights and of each new Hessian, which is checked once; solvers that are given options copy no Hessian
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
  return makeGame(options, (hessian, n) => frozenHessians(hessian, n, backend), backend);
}

/** The game itself, or options frozen into one: for what outlives a call. */
export function frozenGame(game: Game | GameOptions): Game {
  return games.has(game) ? (game as Game) : createGame(game as GameOptions);
}

/** The game itself, or one made from options for the length of a call: its Hessian is the caller's array. */
export function asGame(game: Game | GameOptions, backend?: Backend): Game {
  return asGames([game], backend)[0];
}

/** The same for many games; options with the same Hessian object share it. */
export function asGames(list: readonly (Game | GameOptions)[], backend?: Backend): Game[] {
  if (!Array.isArray(list)) throw new InputError('BTM_TYPE', `must be an array of games, got ${describe(list)}`, { argument: 'games' });
  const known = new Map<unknown, PeerHessians>();
  const borrow = (hessian: Hessian, n: number): PeerHessians => {
    const found = known.get(hessian) ?? checkPeerHessians(hessian, n, backendOf(backend).kernels);
    known.set(hessian, found);
    return found;
  };
  const made: Game[] = [];
  for (let k = 0; k < list.length; k++) {
    const game = list[k]; // by index: a hole is refused at once
    made.push(games.has(game) ? (game as Game) : makeGame(game as GameOptions, borrow, backend));
  }
  return made;
}

function makeGame(options: GameOptions, hessiansOf: (hessian: Hessian, n: number) => PeerHessians, backend?: Backend): Game {
  const n = checkPeers(options?.n);
  const initialWeights = checkWeights('initialWeights', options.initialWeights, n).slice();
  const stake = checkStake(options.stake, n).slice();
  const temperature = checkTemperature(options.temperature, stake);
  const shiftGradient = checkOneOf('shiftGradient', options.shiftGradient ?? 'exact', SHIFT_GRADIENTS);
  const projection = checkOneOf('projection', options.projection ?? 'exact', ['exact', 'clipRenormalise']);
  const { lossFactor, rankFactor } = payoffFactors(options);
  const state = { weights: initialWeights, stake, temperature, n, shiftGradient, openDiagonal: options.openDiagonal === true };
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
    referenceMask: referenceMask({ ...state, reference, initialWeights, hessian: options.hessian, ...(backend && { backend }) }),
    shiftGradient,
    openDiagonal: state.openDiagonal,
    projection,
  });
  games.add(game);
  return game;
}

/** Private copies of Hessians by the object that they were copied from; used again only while the entries are the same. */
const copies = new WeakMap<object, PeerHessians>();

function frozenHessians(hessian: Hessian, n: number, backend?: Backend): PeerHessians {
  const checked = checkPeerHessians(hessian, n, backendOf(backend).kernels);
  const known = copies.get(hessian);
  if (known !== undefined && sameEntries(known, checked)) return known;
  const frozen = Object.freeze({ ...checked, data: checked.data.slice() });
  copies.set(hessian, frozen);
  return frozen;
}

function sameEntries(a: PeerHessians, b: PeerHessians): boolean {
  if (a.storage !== b.storage || a.rank !== b.rank || a.own !== b.own || a.data.length !== b.data.length) return false;
  const piece = 2 ** 27; // a comparison takes at most 2 GiB at once
  for (let at = 0; at < a.data.length; at += piece) {
    if (!bytesOf(a.data, at, piece).equals(bytesOf(b.data, at, piece))) return false;
  }
  return true;
}

function bytesOf(data: Float64Array, at: number, count: number): Buffer {
  const part = data.subarray(at, at + count);
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
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

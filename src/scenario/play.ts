/** One scenario in the empirical game (14): rows, stake and inflation over blocks, with strategies against defences. */
import { type Backend, defaultBackend } from '../backend/index.js';
import { checkStake } from '../core/peers.js';
import { checkInteger, checkNonNegative, checkPositive } from '../core/validate.js';
import { type EmissionNorm, inflate } from '../ranking.js';
import { columnSums, together } from './defences.js';
import { type Cast, castOf, checkCoalition, HISTORY_BLOCKS, writtenRow } from './members.js';
import type { Defence, Strategy } from './types.js';
import { carriedShares, lossInto, type Member, type World } from './world.js';

export interface PlayOptions {
  readonly world: World;
  /** Players that play `strategy`, as one coalition; all others are honest. */
  readonly coalition: readonly number[];
  readonly strategy: Strategy;
  readonly defences?: readonly Defence[];
  /** Part of all stake that the coalition holds at the start, evenly; the others hold the rest, evenly. Default: one each. */
  readonly stakeShare?: number;
  /** First stake of every player in tokens, [players], in place of stakeShare. */
  readonly stake?: Float64Array;
  /** Blocks to play. */
  readonly blocks: number;
  /** T of (8), in units of the mean stake of a player. */
  readonly temperature: number;
  /** Price of a unit of loss, in tokens. */
  readonly alpha: number;
  /** Tokens of inflation in a block; a player holds one at the start on average. */
  readonly tau: number;
  /** Default 'l1', which mints tau in every block whatever the ranking's shape. */
  readonly emission?: EmissionNorm;
  readonly backend?: Backend;
}

/** What came of a scenario. */
export interface Play {
  readonly members: readonly Member[];
  /** [blocks + 1, players]: tokens held, identities of a player together. */
  readonly stake: Float64Array;
  /** [players]: tokens minted to it over all blocks. */
  readonly minted: Float64Array;
  /** [players]: loss summed over all blocks; of several identities the one with the smallest loss counts. */
  readonly loss: Float64Array;
  /** [players]: the network's ranking (5) in the last block, identities of a player together. */
  readonly ranking: Float64Array;
  /** Share of masks above one half in the last block. */
  readonly openShare: number;
}

/** The state of a scenario between two blocks. */
interface State {
  readonly cast: Cast;
  readonly carried: Float64Array;
  /** Rows on record, newest first. */
  readonly history: Float64Array[];
  stake: Float64Array;
}

/**
 * Plays a scenario.
 *
 * @param options - the world, who plays what against which defences, and the rates.
 * @returns stake over time, what was minted and lost, the last ranking.
 * @throws InputError BTM_DOMAIN, BTM_TYPE, BTM_NONFINITE naming the option
 * @numerics f64; the same bits on every backend
 * @cost blocks x (identities^2 exponentials + identities x players^2 products)
 * @paper sections 1.4, 1.5 and 2.1; (5), (6), (7), (14)
 * @example
 * ```ts
 * import { drawWorld, hoarder, paper, playScenario } from 'intermodel/scenario';
 *
 * const world = drawWorld('wishart-quality', { seed: 1, trial: 0, n: 6 });
 * const play = playScenario({ world, coalition: [0], strategy: hoarder, defences: [paper], blocks: 20, temperature: 0.1, alpha: 1, tau: 0.1 });
 * console.log(play.stake.length); // 126
 * ```
 */
export function playScenario(options: PlayOptions): Play {
  const { world } = options;
  checkCoalition(options.coalition, world.players);
  const blocks = checkInteger('blocks', options.blocks, 1, 1_000_000);
  const temperature = checkPositive('temperature', options.temperature);
  checkNonNegative('alpha', options.alpha);
  const tau = checkNonNegative('tau', options.tau);
  if (options.stake !== undefined) checkStake(options.stake, world.players);
  const defence = together(options.defences ?? []);
  const state = begin(options, defence);
  const { members } = state.cast;
  const players = world.players;
  const stake = new Float64Array((blocks + 1) * players);
  const minted = new Float64Array(players);
  const loss = new Float64Array(players);
  const ranking = new Float64Array(players);
  const { kernels } = options.backend ?? defaultBackend();
  const n = members.length;
  const mask = new Float64Array(n * n);
  addByPlayer(stake, 0, members, state.stake);
  for (let block = 0; block < blocks; block++) {
    record(state, block, defence);
    const rating = defence.rate?.(state.stake) ?? state.stake;
    const rows = defence.weigh?.(state.history[0]!, rating, n) ?? state.history[0]!;
    const network = columnSums(rows, rating, n);
    for (let j = 0; j < n; j++) network[j]! /= n;
    maskArguments(mask, rows, rating, temperature, players, defence);
    kernels.sigmoid(mask, mask);
    addSmallestLoss(loss, world, state, mask);
    const paid = inflate({ stake: state.stake, ranking: network, tau, norm: options.emission ?? 'l1' });
    for (let i = 0; i < n; i++) minted[members[i]!.player]! += paid.stake[i]! - state.stake[i]!;
    state.stake = defence.settle?.(paid.stake) ?? paid.stake;
    addByPlayer(stake, (block + 1) * players, members, state.stake);
    if (block === blocks - 1) addByPlayer(ranking, 0, members, network);
  }
  return { members, stake, minted, loss, ranking, openShare: openShareOf(mask) };
}

function begin(options: PlayOptions, defence: Defence): State {
  const { entryCost = 0, loudest = Number.POSITIVE_INFINITY, quotient = false } = defence;
  const { cast, stake } = castOf({ ...options, entryCost, loudest, quotient });
  return { cast, carried: carriedShares(cast.members), history: [cast.measured], stake };
}

/** Everybody writes a row; all read the rows of the block before. */
function record(state: State, block: number, defence: Defence): void {
  const { cast, history } = state;
  const n = cast.members.length;
  const current = history[0]!;
  const moment = { block, history, stake: state.stake };
  const next = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = writtenRow(cast, moment, i);
    next.set(defence.record?.(current.subarray(i * n, (i + 1) * n), row) ?? row, i * n);
  }
  history.unshift(next);
  if (history.length > HISTORY_BLOCKS) history.pop();
}

/** (s_i w_ij - mu_j) / T with stake in units of the mean of a player. */
function maskArguments(
  out: Float64Array,
  rows: Float64Array,
  rating: Float64Array,
  temperature: number,
  players: number,
  defence: Defence,
): void {
  const n = rating.length;
  let held = 0;
  for (const s of rating) held += s;
  const scale = players / Math.max(held, Number.MIN_VALUE);
  const relative = rating.map((s) => s * scale);
  const own = defence.shift?.(rows, relative, n);
  const shift = own ?? columnSums(rows, relative, n);
  if (own === undefined) for (let j = 0; j < n; j++) shift[j]! /= n;
  for (let i = 0; i < n; i++) {
    const s = relative[i]!;
    for (let j = 0; j < n; j++) out[i * n + j] = (s * rows[i * n + j]! - shift[j]!) / temperature;
  }
}

/** Adds to each player's loss that of its best connected identity. */
function addSmallestLoss(loss: Float64Array, world: World, { cast, carried }: State, mask: Float64Array): void {
  if (world.hessian === undefined) return;
  const { members } = cast;
  const n = members.length;
  const smallest = new Float64Array(world.players).fill(Number.POSITIVE_INFINITY);
  const closed = new Float64Array(world.players);
  for (let i = 0; i < n; i++) {
    const { player } = members[i]!;
    const value = lossInto(closed, world, members, carried, player, mask, i * n);
    if (value < smallest[player]!) smallest[player] = value;
  }
  for (let player = 0; player < world.players; player++) loss[player]! += smallest[player]!;
}

function openShareOf(mask: Float64Array): number {
  let open = 0;
  for (const m of mask) open += Number(m > 0.5);
  return open / mask.length;
}

function addByPlayer(out: Float64Array, at: number, members: readonly Member[], values: Float64Array): void {
  for (let i = 0; i < values.length; i++) out[at + members[i]!.player]! += values[i]!;
}

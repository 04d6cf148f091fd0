/** One scenario in the empirical game (14): rows, stake and inflation over blocks, with strategies against defences. */
import { type Backend, defaultBackend } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkInteger, checkNonNegative, checkPositive } from '../core/validate.js';
import { type EmissionNorm, inflate } from '../ranking.js';
import { columnSums, together } from './defences.js';
import { alone, normalised } from './strategies.js';
import type { Defence, Sight, Strategy } from './types.js';
import { carriedShares, lossOf, type Member, measuredRows, type World } from './world.js';

export interface PlayOptions {
  readonly world: World;
  /** Players that play `strategy`, as one coalition; all others are honest. */
  readonly coalition: readonly number[];
  readonly strategy: Strategy;
  readonly defences?: readonly Defence[];
  /** Part of all stake that the coalition holds at the start, evenly; the others hold the rest, evenly. Default: one each. */
  readonly stakeShare?: number;
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

/** Rows older than this many blocks are forgotten. */
const HISTORY_BLOCKS = 64;

/** The state of a scenario between two blocks. */
interface State {
  readonly members: readonly Member[];
  readonly carried: Float64Array;
  readonly measured: Float64Array;
  readonly memories: unknown[];
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
  const { world, strategy } = options;
  const coalition = checkCoalition(options.coalition, world.players);
  const blocks = checkInteger('blocks', options.blocks, 1, 1_000_000);
  const temperature = checkPositive('temperature', options.temperature);
  checkNonNegative('alpha', options.alpha);
  const tau = checkNonNegative('tau', options.tau);
  const defence = together(options.defences ?? []);
  const state = begin(world, coalition, strategy, defence, options.stakeShare);
  const players = world.players;
  const stake = new Float64Array((blocks + 1) * players);
  const minted = new Float64Array(players);
  const loss = new Float64Array(players);
  let ranking = new Float64Array(players);
  let openShare = 0;
  const { kernels } = options.backend ?? defaultBackend();
  const n = state.members.length;
  const mask = new Float64Array(n * n);
  addByPlayer(stake, 0, state.members, state.stake);
  for (let block = 0; block < blocks; block++) {
    record(state, block, coalition, strategy, defence);
    const rating = defence.rate!(state.stake);
    const rows = defence.weigh!(state.history[0]!, rating, n);
    const scale = players / Math.max(sumOf(rating), Number.MIN_VALUE);
    const relative = rating.map((s) => s * scale);
    const shift = defence.shift?.(rows, relative, n) ?? columnSums(rows, relative, n).map((sum) => sum / n);
    kernels.sigmoid(mask, maskArguments(rows, relative, shift, temperature));
    openShare = mask.reduce((open, m) => open + Number(m > 0.5), 0) / (n * n);
    addSmallestLoss(loss, world, state, mask);
    const network = columnSums(rows, rating, n).map((sum) => sum / n);
    const paid = inflate({ stake: state.stake, ranking: network, tau, norm: options.emission ?? 'l1' });
    addByPlayer(
      minted,
      0,
      state.members,
      paid.stake.map((s, i) => s - state.stake[i]!),
    );
    state.stake = defence.settle!(paid.stake);
    addByPlayer(stake, (block + 1) * players, state.members, state.stake);
    ranking = new Float64Array(players);
    addByPlayer(ranking, 0, state.members, network);
  }
  return { members: state.members, stake, minted, loss, ranking, openShare };
}

function begin(world: World, coalition: readonly number[], strategy: Strategy, defence: Defence, share: number | undefined): State {
  const { players, scores } = world;
  const worth = Float64Array.from({ length: players }, (_, j) => {
    let sum = 0;
    for (let p = 0; p < players; p++) sum += scores[p * players + j]!;
    return sum / players;
  });
  const members: Member[] = [];
  const stake: number[] = [];
  for (let player = 0; player < players; player++) {
    const inside = coalition.includes(player);
    const entry = { player, players, allies: coalition, worth };
    const identities = inside && strategy.enter !== undefined ? strategy.enter(entry) : alone(player);
    const held = firstStake(players, coalition.length, inside, share);
    const cost = (defence.entryCost ?? 0) * identities.length;
    for (const identity of identities) {
      members.push({ ...identity, player });
      stake.push(Math.max(0, held - cost) * identity.stakeShare);
    }
  }
  const measured = measuredRows(world, members);
  return {
    members,
    carried: carriedShares(members),
    measured,
    memories: members.map(({ player }) => (coalition.includes(player) ? strategy.begin?.() : undefined)),
    history: [measured],
    stake: Float64Array.from(stake),
  };
}

function firstStake(players: number, inside: number, isInside: boolean, share: number | undefined): number {
  if (share === undefined || inside === 0 || inside === players) return 1;
  return isInside ? (share * players) / inside : ((1 - share) * players) / (players - inside);
}

/** Everybody writes a row; all read the rows of the block before. */
function record(state: State, block: number, coalition: readonly number[], strategy: Strategy, defence: Defence): void {
  const { members, measured, history } = state;
  const n = members.length;
  const current = history[0]!;
  const next = new Float64Array(n * n);
  const inside = new Set(coalition);
  const allies = members.flatMap(({ player }, i) => (inside.has(player) ? [i] : []));
  for (let i = 0; i < n; i++) {
    const isInside = inside.has(members[i]!.player);
    const sight: Sight = {
      block,
      self: i,
      identities: n,
      allies: isInside ? allies : [i],
      measured: measured.subarray(i * n, (i + 1) * n),
      rows: (lag) => history[Math.min(Math.max(lag, 1), history.length) - 1]!,
      stake: state.stake,
    };
    const written = isInside ? Float64Array.from(strategy.row(sight, state.memories[i])) : sight.measured.slice();
    const swayed = isInside ? written : (strategy.sway?.(written, sight, allies) ?? written);
    next.set(defence.record!(current.subarray(i * n, (i + 1) * n), checkedRow(swayed, strategy, n)), i * n);
  }
  history.unshift(next);
  if (history.length > HISTORY_BLOCKS) history.pop();
}

function checkedRow(row: Float64Array, strategy: Strategy, n: number): Float64Array {
  const wrong = row.length === n ? row.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY)) : 0;
  if (wrong >= 0) {
    throw new InputError('BTM_DOMAIN', `wrote a row of ${row.length} entries for ${n} identities, or one that is negative or not finite`, {
      argument: `strategy ${strategy.name}`,
      index: wrong,
      value: row[wrong],
      remedy: 'Return one finite non-negative number per identity; their sum does not matter.',
    });
  }
  return normalised(row);
}

function maskArguments(rows: Float64Array, stake: Float64Array, shift: Float64Array, temperature: number): Float64Array {
  const n = shift.length;
  return rows.map((weight, at) => (stake[Math.floor(at / n)]! * weight - shift[at % n]!) / temperature);
}

/** Adds to each player's loss that of its best connected identity. */
function addSmallestLoss(loss: Float64Array, world: World, { members, carried }: State, mask: Float64Array): void {
  if (world.hessian === undefined) return;
  const n = members.length;
  const smallest = new Float64Array(world.players).fill(Number.POSITIVE_INFINITY);
  for (const [i, { player }] of members.entries()) {
    smallest[player] = Math.min(smallest[player]!, lossOf(world, members, carried, player, mask, i * n));
  }
  for (const [player, value] of smallest.entries()) loss[player]! += value;
}

function addByPlayer(out: Float64Array, at: number, members: readonly Member[], values: Float64Array): void {
  for (const [i, { player }] of members.entries()) out[at + player]! += values[i]!;
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function checkCoalition(coalition: readonly number[], players: number): readonly number[] {
  const seen = new Set<number>();
  for (const [index, player] of coalition.entries()) {
    checkInteger(`coalition[${index}]`, player, 0, players - 1);
    if (seen.has(player)) throw new InputError('BTM_DOMAIN', 'names a player twice', { argument: 'coalition', index, value: player });
    seen.add(player);
  }
  return coalition;
}

/** Who is in the network and what each identity writes: the same for the empirical game and for the ledger. */
import { InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import { alone, normalised } from './strategies.js';
import type { Sight, Strategy } from './types.js';
import { type Member, measuredRows, type World } from './world.js';

/** Rows older than this many blocks are forgotten. */
export const HISTORY_BLOCKS = 64;

/** Who plays what, and with how much. */
export interface Players {
  readonly world: World;
  readonly coalition: readonly number[];
  readonly strategy: Strategy;
  /** Part of all stake that the coalition holds, evenly; the others hold the rest, evenly. Default: one each. */
  readonly stakeShare?: number;
  /** First stake of every player in tokens, [players], in place of stakeShare. */
  readonly stake?: Float64Array;
  /** What every identity pays to come in, in tokens. */
  readonly entryCost?: number;
  /** Largest factor on an answer that others take in. Default: none. */
  readonly loudest?: number;
  /** Whether raters score identities that answer the same as one. Default: each alone. */
  readonly quotient?: boolean;
}

/** The identities of all players in their order, with their first stake in tokens; a player holds one on average. */
export function enterPlayers(options: Players): { readonly members: readonly Member[]; readonly stake: Float64Array } {
  const { world, coalition, strategy } = options;
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
    const held = options.stake?.[player] ?? firstStake(players, coalition.length, inside, options.stakeShare);
    const left = Math.max(0, held - (options.entryCost ?? 0) * identities.length);
    for (const identity of identities) {
      const { source, share } = identity.answer;
      members.push({ ...identity, answer: { ...identity.answer, source, share: Math.min(share, options.loudest ?? share) }, player });
      stake.push(left * identity.stakeShare);
    }
  }
  return { members, stake: Float64Array.from(stake) };
}

function firstStake(players: number, inside: number, isInside: boolean, share: number | undefined): number {
  if (share === undefined || inside === 0 || inside === players) return 1;
  return isInside ? (share * players) / inside : ((1 - share) * players) / (players - inside);
}

/** Who is in a scenario, how, and what each would honestly write: the same in every block. */
export interface Cast {
  readonly members: readonly Member[];
  readonly strategy: Strategy;
  /** Identities of the coalition. */
  readonly allies: readonly number[];
  /** Whether each identity is one of them. */
  readonly inside: readonly boolean[];
  /** [n, n]: honest rows, as {@link measuredRows} gives them. */
  readonly measured: Float64Array;
  /** One for each identity; undefined outside the coalition. */
  readonly memories: readonly unknown[];
}

/** Brings the players in. */
export function castOf(players: Players): { readonly cast: Cast; readonly stake: Float64Array } {
  const { world, coalition, strategy } = players;
  const { members, stake } = enterPlayers(players);
  const inside = members.map(({ player }) => coalition.includes(player));
  const allies = members.flatMap((_, k) => (inside[k] ? [k] : []));
  const memories = inside.map((isInside) => (isInside ? strategy.begin?.() : undefined));
  return { cast: { members, strategy, allies, inside, measured: measuredRows(world, members, players.quotient), memories }, stake };
}

/** What differs from block to block. */
export interface Moment {
  readonly block: number;
  /** Rows on record [n, n], newest first. */
  readonly history: readonly Float64Array[];
  readonly stake: Float64Array;
}

/** The row that identity i asks for in this block, on the simplex. */
export function writtenRow(cast: Cast, moment: Moment, i: number): Float64Array {
  const { members, allies, inside, strategy, measured } = cast;
  const n = members.length;
  const own = measured.subarray(i * n, (i + 1) * n);
  if (!inside[i] && strategy.sway === undefined) return own;
  const { block, history, stake } = moment;
  const sight: Sight = {
    block,
    self: i,
    identities: n,
    allies: inside[i] ? allies : [i],
    measured: own,
    rows: (lag) => history[Math.min(Math.max(lag, 1), history.length) - 1]!,
    stake,
  };
  if (inside[i]) return checkedRow(Float64Array.from(strategy.row(sight, cast.memories[i])), strategy, n);
  const honest = own.slice();
  return checkedRow(strategy.sway?.(honest, sight, allies) ?? honest, strategy, n);
}

function checkedRow(row: Float64Array, strategy: Strategy, n: number): Float64Array {
  const wrong = row.length === n ? row.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY)) : 0;
  if (wrong < 0) return normalised(row);
  throw new InputError('BTM_DOMAIN', `wrote a row of ${row.length} entries for ${n} identities, or one that is negative or not finite`, {
    argument: `strategy ${strategy.name}`,
    index: wrong,
    value: row[wrong],
    remedy: 'Return one finite non-negative number per identity; their sum does not matter.',
  });
}

/** The players of a coalition, each a player of the world and named once. */
export function checkCoalition(coalition: readonly number[], players: number): readonly number[] {
  const seen = new Set<number>();
  for (const [index, player] of coalition.entries()) {
    checkInteger(`coalition[${index}]`, player, 0, players - 1);
    if (seen.has(player)) throw new InputError('BTM_DOMAIN', 'names a player twice', { argument: 'coalition', index, value: player });
    seen.add(player);
  }
  return coalition;
}

/** Many games side by side, as the kernel of blocks takes them: who is in each, its rows as they stand, and what came of it so far. */
import type { Kernels } from '../backend/index.js';
import { EMISSION_NORMS, SHIFT_RULES } from '../core/closed-lists.js';
import type { EmissionNorm } from '../ranking.js';
import { type Cast, HISTORY_BLOCKS, writtenRow } from './members.js';
import type { Defence } from './types.js';
import { carriedShares, type Member, type World } from './world.js';

/** What is the same in all games. */
export interface Rules {
  readonly players: number;
  readonly blocks: number;
  readonly temperature: number;
  readonly tau: number;
  readonly emission: EmissionNorm;
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

/** A game before its first block. */
export interface Entered {
  readonly world: World;
  readonly cast: Cast;
  /** First stake of every identity, [n]. */
  readonly stake: Float64Array;
}

/** One game between two blocks. */
interface Seat extends Entered {
  /** Rows on record, newest first. */
  readonly history: Float64Array[];
}

const NONE = new Float64Array(0);

/** Games with equally many identities. */
export class Table {
  readonly #seats: readonly Seat[];
  readonly #n: number;
  readonly #stake: Float64Array;
  /** [games, blocks + 1, n]. */
  readonly #stakes: Float64Array;
  readonly #minted: Float64Array;
  readonly #losses: Float64Array;
  readonly #ranking: Float64Array;
  readonly #mask: Float64Array;
  readonly #rows: Float64Array;
  readonly #hessian: Float64Array;
  readonly #carried: Float64Array;
  readonly #source: Int32Array;
  readonly #owner: Int32Array;

  constructor(
    games: readonly Entered[],
    private readonly defence: Defence,
    private readonly rules: Rules,
  ) {
    const { players, blocks } = rules;
    const [count, n] = [games.length, games[0]!.cast.members.length];
    this.#seats = games.map((game) => ({ ...game, history: [game.cast.measured] }));
    this.#n = n;
    this.#stake = joined(games.map(({ stake }) => stake));
    this.#stakes = new Float64Array(count * (blocks + 1) * n);
    this.#minted = new Float64Array(count * n);
    this.#losses = new Float64Array(count * players);
    this.#ranking = new Float64Array(count * n);
    this.#mask = new Float64Array(count * n * n);
    this.#rows = new Float64Array(count * n * n);
    // A world of given rows has no losses; those of one call are all of one kind.
    this.#hessian = joined(games.map(({ world }) => world.hessian ?? NONE));
    this.#carried = joined(games.map(({ cast }) => carriedShares(cast.members)));
    const members = games.flatMap(({ cast }) => cast.members);
    this.#source = Int32Array.from(members, ({ answer }) => answer.source);
    this.#owner = Int32Array.from(members, ({ player }) => player);
  }

  /** Plays all blocks. */
  play(kernels: Kernels): Play[] {
    if (this.#stays()) {
      this.#record(0);
      const weighed = this.#seats.map((_, g) => this.#weighed(g, this.#stakeOf(g)));
      for (const [g, rows] of weighed.entries()) this.#rows.set(rows, g * this.#n ** 2);
      this.#call(kernels, this.rules.blocks, this.#stake, this.#stakes, this.#minted, this.#losses);
    } else {
      for (let block = 0; block < this.rules.blocks; block++) this.#playBlock(kernels, block);
    }
    return this.#seats.map((_, g) => this.#outcome(g));
  }

  /** Whether rows, and what they count, are the same in every block, so that the kernel can play all of them by itself. */
  #stays(): boolean {
    const { record, weigh, weighsOnce, rate, shift, settle } = this.defence;
    const ruled = record === undefined && rate === undefined && shift === undefined && settle === undefined;
    const weighed = weigh === undefined || (weighsOnce === true && this.#stake.every((s) => s > 0));
    return ruled && weighed && this.#seats.every(({ cast }) => cast.strategy.steady === true);
  }

  #playBlock(kernels: Kernels, block: number): void {
    const { rate, shift, settle } = this.defence;
    const { players, blocks } = this.rules;
    const [n, count] = [this.#n, this.#seats.length];
    this.#record(block);
    const rating = new Float64Array(rate === undefined ? 0 : count * n);
    const mu = new Float64Array(shift === undefined ? 0 : count * n);
    for (let g = 0; g < count; g++) {
      const capped = this.#capped(this.#stakeOf(g));
      const rates = rate?.(capped) ?? capped;
      const rows = this.#weighed(g, rates);
      this.#rows.set(rows, g * n * n);
      if (rate !== undefined) rating.set(rates, g * n);
      if (shift !== undefined) mu.set(shift(rows, relativeTo(rates, players), n), g * n);
    }
    const stakes = new Float64Array(count * 2 * n);
    const [minted, losses] = [new Float64Array(count * n), new Float64Array(count * players)];
    this.#call(kernels, 1, this.#stake, stakes, minted, losses, rating, mu);
    for (let k = 0; k < minted.length; k++) this.#minted[k]! += minted[k]!;
    for (let k = 0; k < losses.length; k++) this.#losses[k]! += losses[k]!;
    for (let g = 0; g < count; g++) {
      const paid = stakes.slice((2 * g + 1) * n, (2 * g + 2) * n);
      const at = (g * (blocks + 1) + block) * n;
      this.#stakes.set(this.#stakeOf(g), at);
      this.#stake.set(settle?.(paid) ?? paid, g * n);
      this.#stakes.set(this.#stakeOf(g), at + n);
    }
  }

  #call(
    kernels: Kernels,
    blocks: number,
    stake: Float64Array,
    stakes: Float64Array,
    minted: Float64Array,
    losses: Float64Array,
    rating = NONE,
    shift = NONE,
  ): void {
    const { temperature, tau, emission, players } = this.rules;
    const { ratingShare = 0, shiftOver, burns = 0 } = this.defence;
    kernels.playBlocks(
      ...([stakes, minted, losses, this.#ranking, this.#mask, this.#rows, stake, rating, shift, this.#hessian] as const),
      ...([this.#carried, this.#source, this.#owner, temperature, tau, EMISSION_NORMS.indexOf(emission), ratingShare] as const),
      ...([SHIFT_RULES.indexOf(shiftOver?.rule ?? 'all'), shiftOver?.rule === 'staked' ? shiftOver.least : 0, burns] as const),
      ...([this.#seats.length, blocks, this.#n, players] as const),
    );
  }

  /** Every player writes a row; all read the rows of the block before. */
  #record(block: number): void {
    const n = this.#n;
    for (const [g, { cast, history }] of this.#seats.entries()) {
      const current = history[0]!;
      const moment = { block, history, stake: this.#stakeOf(g) };
      const next = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        const row = writtenRow(cast, moment, i);
        next.set(this.defence.record?.(current.subarray(i * n, (i + 1) * n), row) ?? row, i * n);
      }
      history.unshift(next);
      if (history.length > HISTORY_BLOCKS) history.pop();
    }
  }

  #weighed(g: number, rating: Float64Array): Float64Array {
    const rows = this.#seats[g]!.history[0]!;
    return this.defence.weigh?.(rows, rating, this.#n) ?? rows;
  }

  #capped(stake: Float64Array): Float64Array {
    const { ratingShare } = this.defence;
    if (ratingShare === undefined) return stake;
    const most = ratingShare * stake.reduce((sum, s) => sum + s, 0);
    return stake.map((s) => Math.min(s, most));
  }

  #stakeOf(g: number): Float64Array {
    return this.#stake.subarray(g * this.#n, (g + 1) * this.#n);
  }

  /** What came of one game, identities of a player together. */
  #outcome(g: number): Play {
    const { players, blocks } = this.rules;
    const n = this.#n;
    const { members } = this.#seats[g]!.cast;
    const stake = new Float64Array((blocks + 1) * players);
    const [minted, ranking] = [new Float64Array(players), new Float64Array(players)];
    for (const [i, { player }] of members.entries()) {
      for (let block = 0; block <= blocks; block++) stake[block * players + player]! += this.#stakes[(g * (blocks + 1) + block) * n + i]!;
      minted[player]! += this.#minted[g * n + i]!;
      ranking[player]! += this.#ranking[g * n + i]!;
    }
    const open = this.#mask.subarray(g * n * n, (g + 1) * n * n).reduce((count, m) => count + Number(m > 0.5), 0);
    const loss = this.#losses.slice(g * players, (g + 1) * players);
    return { members, stake, minted, loss, ranking, openShare: open / (n * n) };
  }
}

/** Stake in units of a player's mean. */
function relativeTo(rating: Float64Array, players: number): Float64Array {
  const total = rating.reduce((sum, s) => sum + s, 0);
  return rating.map((s) => (total > 0 ? (s * players) / total : 0));
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

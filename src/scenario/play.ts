/** One scenario in the empirical game (14): rows, stake and inflation over blocks, with strategies against defences. */
import { type Backend, defaultBackend } from '../backend/index.js';
import { EMISSION_NORMS } from '../core/closed-lists.js';
import { InputError } from '../core/errors.js';
import { checkStake } from '../core/peers.js';
import { checkInteger, checkNonNegative, checkOneOf, checkPositive } from '../core/validate.js';
import type { EmissionNorm } from '../ranking.js';
import { together } from './defences.js';
import { type Play, type Rules, Table } from './game-table.js';
import { castOf, checkCoalition } from './members.js';
import type { Defence, Strategy } from './types.js';
import type { World } from './world.js';

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

/**
 * Plays a scenario.
 *
 * @param options - the world, who plays what against which defences, and the rates.
 * @returns stake over time, what was minted and lost, the last ranking.
 * @throws InputError BTM_DOMAIN, BTM_TYPE, BTM_NONFINITE naming the option
 * @numerics f64; the same bits on every backend, and for any number of games at a time
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
  return playScenarios([options.world], options)[0]!;
}

/**
 * Plays the same scenario in many worlds, as one call of a kernel where rows and rules stay the same over all blocks, else as one call a block.
 *
 * @param worlds - of equally many players.
 * @param options - those of {@link playScenario}.
 * @returns one play for each world, in order
 */
export function playScenarios(worlds: readonly World[], options: Omit<PlayOptions, 'world'>): Play[] {
  const players = worlds[0]?.players ?? 0;
  const lossless = worlds[0]?.hessian === undefined;
  const different = worlds.findIndex((world) => world.players !== players || (world.hessian === undefined) !== lossless);
  if (different >= 0) {
    const problem = `must have ${players} players and ${lossless ? 'no losses' : 'losses'}, as the first`;
    throw new InputError('BTM_SHAPE', problem, { argument: 'worlds', index: different });
  }
  checkCoalition(options.coalition, players);
  const rules = rulesOf(options, players);
  if (options.stake !== undefined) checkStake(options.stake, players);
  const defence = together(options.defences ?? []);
  const { entryCost = 0, loudest = Number.POSITIVE_INFINITY, quotient = false } = defence;
  const { kernels } = options.backend ?? defaultBackend();
  const entered = worlds.map((world) => ({ world, ...castOf({ ...options, world, entryCost, loudest, quotient }) }));
  const plays = new Map<World, Play>();
  // A strategy may come under more names in one world than in another.
  for (const n of new Set(entered.map(({ cast }) => cast.members.length))) {
    const alike = entered.filter(({ cast }) => cast.members.length === n);
    const atOnce = Math.max(1, Math.min(MOST_AT_ONCE, Math.floor(MOST_NUMBERS / ((rules.blocks + 1 + n) * n))));
    for (let first = 0; first < alike.length; first += atOnce) {
      const some = alike.slice(first, first + atOnce);
      const played = new Table(some, defence, rules).play(kernels);
      for (const [k, { world }] of some.entries()) plays.set(world, played[k]!);
    }
  }
  return worlds.map((world) => plays.get(world)!);
}

/** Games of one call, and numbers of stake and mask that they may take. */
const [MOST_AT_ONCE, MOST_NUMBERS] = [1024, 2 ** 22];

function rulesOf(options: Omit<PlayOptions, 'world'>, players: number): Rules {
  checkNonNegative('alpha', options.alpha);
  return {
    players,
    blocks: checkInteger('blocks', options.blocks, 1, 1_000_000),
    temperature: checkPositive('temperature', options.temperature),
    tau: checkNonNegative('tau', options.tau),
    emission: checkOneOf('emission', options.emission ?? 'l1', EMISSION_NORMS),
  };
}

/** Maps of what lying brings: every strategy against every defence, over the coalition's stake and the price of loss. */
import { createHash } from 'node:crypto';
import type { Backend } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkInteger, checkNonNegative, checkPositive } from '../core/validate.js';
import { correlations } from '../ranking.js';
import type { HessianLaw } from '../sweep/laws.js';
import { canonical } from '../sweep/spec.js';
import { harmOf, type Outcome, outcomeOf, payoffOf, truths } from './measures.js';
import { type PlayOptions, playScenarios } from './play.js';
import { type Estimate, estimate, ratioEstimate, resamples } from './statistics.js';
import { defencesOf, strategyOf } from './words.js';
import { drawWorld, type World } from './world.js';

/** A map as its author writes it. Strategies and defences by their words, settings after colons ('cabal:0.5'); a defence is a list joined by '+'. */
export interface MapSpec {
  readonly strategies: readonly string[];
  readonly defences: readonly string[];
  /** Part of all stake that the coalition holds at the start, each in (0, 1). */
  readonly stakes: readonly number[];
  /** alpha / tau: the price of a unit of loss in units of the inflation of a block. */
  readonly ratios: readonly number[];
  readonly players: number;
  /** Players in the coalition. */
  readonly members: number;
  readonly blocks: number;
  readonly temperature: number;
  readonly tau: number;
  readonly law: HessianLaw;
  readonly trials: number;
  readonly seed: number;
}

/** One cell of a map. The gain is what lying adds to the payoffs of all trials together, as a part of the honest income of all trials together. */
export interface MapCell {
  readonly strategy: string;
  readonly defence: string;
  readonly stake: number;
  readonly ratio: number;
  readonly trials: number;
  readonly gain: Estimate;
  /** Share of all stake at the end. */
  readonly share: Estimate;
  readonly twinShare: number;
  readonly harm: Estimate;
  /** Spearman with row-normalised ablation; trials in which it is undefined are left out, `null` where all are. */
  readonly spearman: number | null;
  readonly twinSpearman: number | null;
  /** Trials in which the coalition ends above half of all stake. */
  readonly majorities: number;
}

/** The unit of work: one defence and stake. Every strategy shares its honest twins, and every price its plays. */
export interface MapGroup {
  readonly index: number;
  readonly defence: string;
  readonly stake: number;
}

/** What one strategy brought in each trial of a group, before losses are priced. */
export interface TrialOutcomes {
  readonly strategy: string;
  /** [trials]: tokens minted to the coalition, and its loss, over all blocks. */
  readonly minted: readonly number[];
  readonly loss: readonly number[];
}

/** What was played in one group. */
export interface PlayedGroup {
  readonly group: MapGroup;
  /** One for each price and strategy, in the order of the map. */
  readonly cells: readonly MapCell[];
  readonly twin: TrialOutcomes;
  readonly outcomes: readonly TrialOutcomes[];
}

/**
 * Checks a map.
 *
 * @throws InputError BTM_DOMAIN for an unknown word or a number out of range, naming it
 */
export function checkMap(spec: MapSpec): MapSpec {
  if (!Array.isArray(spec?.strategies) || spec.strategies.length === 0) throw empty('strategies');
  if (!Array.isArray(spec.defences) || spec.defences.length === 0) throw empty('defences');
  for (const [index, word] of spec.strategies.entries()) strategyOf(word, `strategies[${index}]`);
  for (const [index, words] of spec.defences.entries()) defencesOf(words, `defences[${index}]`);
  for (const [index, stake] of spec.stakes.entries()) {
    if (!(stake > 0 && stake < 1)) throw new InputError('BTM_DOMAIN', 'must lie in (0, 1)', { argument: 'stakes', index, value: stake });
  }
  for (const [index, ratio] of spec.ratios.entries()) checkNonNegative(`ratios[${index}]`, ratio);
  checkInteger('players', spec.players, 2, 256);
  checkInteger('members', spec.members, 1, spec.players - 1);
  checkInteger('blocks', spec.blocks, 1, 1_000_000);
  checkInteger('trials', spec.trials, 1, 1_000_000);
  checkInteger('seed', spec.seed, 0);
  checkPositive('temperature', spec.temperature);
  checkPositive('tau', spec.tau);
  return spec;
}

/** The groups of a map in the order of their numbers. */
export function groupsOf(spec: MapSpec): MapGroup[] {
  const groups: MapGroup[] = [];
  for (const defence of spec.defences) for (const stake of spec.stakes) groups.push({ index: groups.length, defence, stake });
  return groups;
}

/** The name of a map's results: equal hashes mean equal cells, byte for byte. */
export function mapHash(spec: MapSpec): string {
  return createHash('sha256').update(canonical(spec)).digest('hex');
}

/** What the trials of a group are played with: a world each, all else alike. */
export interface Trials extends Omit<PlayOptions, 'strategy' | 'world'> {
  readonly worlds: readonly World[];
}

/** What every trial of a group is played with. */
export function trialsOf(spec: MapSpec, group: Pick<MapGroup, 'defence' | 'stake'>, backend?: Backend): Trials {
  const defences = defencesOf(group.defence, 'defence');
  return {
    worlds: Array.from({ length: spec.trials }, (_, trial) => drawWorld(spec.law, { seed: spec.seed, trial, n: spec.players })),
    coalition: Array.from({ length: spec.members }, (_, k) => k),
    defences,
    stakeShare: group.stake,
    blocks: spec.blocks,
    temperature: spec.temperature,
    alpha: 0,
    tau: spec.tau,
    ...(backend === undefined ? {} : { backend }),
  };
}

/** A play seen from its coalition, with the Spearman correlation of its last ranking with row-normalised ablation. */
export interface Trial extends Outcome {
  readonly spearman: number | null;
}

/** Plays one strategy in every trial. */
export function playTrials(word: string, trials: Trials): Trial[] {
  const { worlds, ...options } = trials;
  const plays = playScenarios(worlds, { ...options, strategy: strategyOf(word, 'strategy') });
  return plays.map((play, trial) => {
    const world = worlds[trial]!;
    const { ablationByRow } = truths(world);
    return { ...outcomeOf(play, world, options.coalition), spearman: correlations(ablationByRow, play.ranking).spearman.value };
  });
}

/**
 * Plays every strategy of one group, once for all prices: no player sees alpha, so it only prices the losses.
 *
 * @returns one cell for each price and strategy, in the order of the map, and what they were made from
 */
export function playGroup(spec: MapSpec, group: MapGroup, backend?: Backend): PlayedGroup {
  const trials = trialsOf(spec, group, backend);
  const twins = playTrials('honest', trials);
  const sets = resamples(spec.trials, spec.seed);
  const played = spec.strategies.map((word) => ({ word, found: playTrials(word, trials) }));
  const priced = played.map(({ word, found }) => ({ found, make: cellMaker(spec, group, word, found, twins, sets) }));
  return {
    group,
    cells: spec.ratios.flatMap((ratio) => priced.map(({ make }) => make(ratio))),
    twin: outcomesOf('honest', twins),
    outcomes: played.map(({ word, found }) => outcomesOf(word, found)),
  };
}

function outcomesOf(strategy: string, found: readonly Outcome[]): TrialOutcomes {
  return { strategy, minted: found.map(({ minted }) => minted), loss: found.map(({ loss }) => loss) };
}

/** Makes the cells of one strategy, one for each price; what no price changes is computed once. */
function cellMaker(
  spec: MapSpec,
  { defence, stake }: MapGroup,
  strategy: string,
  found: readonly Trial[],
  twins: readonly Trial[],
  sets: readonly Int32Array[],
): (ratio: number) => MapCell {
  const over = (pick: (one: Trial, twin: Trial) => number) =>
    estimate(
      Float64Array.from(found, (one, k) => pick(one, twins[k]!)),
      sets,
    );
  const share = over((one) => one.share);
  const income = Float64Array.from(twins, ({ minted }) => minted);
  const harm = over(harmOf);
  const shared = {
    twinShare: meanOf(twins.map((twin) => twin.share)) ?? 0,
    harm,
    spearman: meanOf(found.map((one) => one.spearman)),
    twinSpearman: meanOf(twins.map((twin) => twin.spearman)),
    majorities: found.filter((one) => one.share > 0.5).length,
  };
  return (ratio) => {
    const added = Float64Array.from(found, (one, k) => payoffOf(one, ratio * spec.tau) - payoffOf(twins[k]!, ratio * spec.tau));
    const gain = ratioEstimate(added, income, sets);
    return { strategy, defence, stake, ratio, trials: spec.trials, gain, share, ...shared };
  };
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function empty(argument: string): InputError {
  return new InputError('BTM_SHAPE', 'must hold at least one word', { argument });
}

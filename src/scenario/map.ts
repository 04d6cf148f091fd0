/** Maps of what lying brings: every strategy against every defence, over the coalition's stake and the price of loss. */
import { createHash } from 'node:crypto';
import type { Backend } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkInteger, checkNonNegative, checkPositive } from '../core/validate.js';
import type { HessianLaw } from '../sweep/laws.js';
import { canonical } from '../sweep/spec.js';
import { DEFENCES } from './defences.js';
import { compareWithTwin, playTwin } from './measures.js';
import type { Play, PlayOptions } from './play.js';
import { type Estimate, estimate, quantile, resamples } from './statistics.js';
import { STRATEGIES } from './strategies.js';
import { drawWorld } from './world.js';

/** A map as its author writes it. Strategies and defences by their words; a defence is a list joined by '+'. */
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

/** One cell of a map. Gains are parts of the coalition's honest income (see {@link compareWithTwin}). */
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

/** The unit of work: one defence, stake and price, whose honest twins all strategies share. */
export interface MapGroup {
  readonly index: number;
  readonly defence: string;
  readonly stake: number;
  readonly ratio: number;
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
  for (const defence of spec.defences) {
    for (const stake of spec.stakes) for (const ratio of spec.ratios) groups.push({ index: groups.length, defence, stake, ratio });
  }
  return groups;
}

/** The name of a map's results: equal hashes mean equal cells, byte for byte. */
export function mapHash(spec: MapSpec): string {
  return createHash('sha256').update(canonical(spec)).digest('hex');
}

function optionsOf(spec: MapSpec, group: MapGroup, trial: number, backend: Backend | undefined): Omit<PlayOptions, 'strategy'> {
  return {
    world: drawWorld(spec.law, { seed: spec.seed, trial, n: spec.players }),
    coalition: Array.from({ length: spec.members }, (_, k) => k),
    defences: defencesOf(group.defence, 'defence'),
    stakeShare: group.stake,
    blocks: spec.blocks,
    temperature: spec.temperature,
    alpha: group.ratio * spec.tau,
    tau: spec.tau,
    ...(backend === undefined ? {} : { backend }),
  };
}

/** The gains of one strategy in a group, one for each trial, and what else a cell needs. */
function trialsOf(word: string, options: readonly Omit<PlayOptions, 'strategy'>[], twins: readonly Play[]) {
  return options.map((option, k) => compareWithTwin({ ...option, strategy: strategyOf(word, 'strategy'), twin: twins[k]! }));
}

/**
 * Plays every strategy of one group.
 *
 * @returns one cell for each strategy, in the order of the map
 */
export function playGroup(spec: MapSpec, group: MapGroup, backend?: Backend): MapCell[] {
  const options = Array.from({ length: spec.trials }, (_, trial) => optionsOf(spec, group, trial, backend));
  const twins = options.map((option) => playTwin({ ...option, strategy: strategyOf('honest', 'strategy') }));
  const sets = resamples(spec.trials, spec.seed);
  return spec.strategies.map((word) => {
    const found = trialsOf(word, options, twins);
    const column = (pick: (one: (typeof found)[number]) => number) => Float64Array.from(found, pick);
    return {
      strategy: word,
      defence: group.defence,
      stake: group.stake,
      ratio: group.ratio,
      trials: spec.trials,
      gain: estimate(
        column((one) => one.gain),
        sets,
      ),
      share: estimate(
        column((one) => one.share),
        sets,
      ),
      twinShare: meanOf(found.map((one) => one.twinShare)) ?? 0,
      harm: estimate(
        column((one) => one.harm),
        sets,
      ),
      spearman: meanOf(found.map((one) => one.spearmanByRow)),
      twinSpearman: meanOf(found.map((one) => one.twinSpearmanByRow)),
      majorities: found.filter((one) => one.share > 0.5).length,
    };
  });
}

/** Where a strategy begins to pay. */
export interface BreakEven {
  /** Smallest stake of the grid's range at which the mean gain is above zero; 0 where it pays from the least stake on, null where never. */
  readonly stake: number | null;
  /** 95 % bootstrap interval over trials; a bound is null where a resample never pays. */
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * The stake at which a strategy begins to pay, by bisection on its mean gain, with a bootstrap interval over trials.
 *
 * @param spec - a map; its stakes bound the search, from the smallest to the largest
 */
export function breakEven(spec: MapSpec, strategy: string, defence: string, ratio: number, backend?: Backend): BreakEven {
  const known = new Map<number, Float64Array>();
  const gainsAt = (stake: number): Float64Array => {
    const found = known.get(stake);
    if (found !== undefined) return found;
    const group = { index: 0, defence, stake, ratio };
    const options = Array.from({ length: spec.trials }, (_, trial) => optionsOf(spec, group, trial, backend));
    const twins = options.map((option) => playTwin({ ...option, strategy: strategyOf('honest', 'strategy') }));
    const gains = Float64Array.from(trialsOf(strategy, options, twins), (one) => one.gain);
    known.set(stake, gains);
    return gains;
  };
  const [least, most] = [Math.min(...spec.stakes), Math.max(...spec.stakes)];
  const search = (set: Int32Array | undefined): number | null => {
    const mean = (stake: number): number => {
      const gains = gainsAt(stake);
      if (set === undefined) return gains.reduce((sum, g) => sum + g, 0) / gains.length;
      return set.reduce((sum, k) => sum + gains[k]!, 0) / set.length;
    };
    if (mean(least) > 0) return 0;
    if (!(mean(most) > 0)) return null;
    let [low, high] = [least, most];
    for (let step = 0; step < 8; step++) {
      const middle = (low + high) / 2;
      if (mean(middle) > 0) high = middle;
      else low = middle;
    }
    return high;
  };
  const stake = search(undefined);
  const found = resamples(spec.trials, spec.seed).slice(0, 200).map(search);
  const sorted = Float64Array.from(found, (value) => value ?? Number.POSITIVE_INFINITY).sort();
  const bound = (part: number): number | null => {
    const value = quantile(sorted, part);
    return Number.isFinite(value) ? value : null;
  };
  return { stake, low: bound(0.025), high: bound(0.975) };
}

function strategyOf(word: string, argument: string) {
  const make = Object.hasOwn(STRATEGIES, word) ? STRATEGIES[word] : undefined;
  if (make === undefined) throw unknown(argument, word, Object.keys(STRATEGIES));
  return make();
}

function defencesOf(words: string, argument: string) {
  return words.split('+').map((word) => {
    const make = Object.hasOwn(DEFENCES, word) ? DEFENCES[word] : undefined;
    if (make === undefined) throw unknown(argument, word, Object.keys(DEFENCES));
    return make();
  });
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function unknown(argument: string, word: string, words: readonly string[]): InputError {
  return new InputError('BTM_DOMAIN', `is not known: '${word}'`, { argument, value: word, remedy: `Use one of ${words.join(', ')}.` });
}

function empty(argument: string): InputError {
  return new InputError('BTM_SHAPE', 'must hold at least one word', { argument });
}

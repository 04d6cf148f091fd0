/** Where a strategy begins to pay: by bisection for one strategy, on the grid of stakes for a whole map. */
import type { Backend } from '../backend/index.js';
import { checkMap, type MapCell, type MapSpec, type PlayedGroup, playTrials, trialsOf } from './map.js';
import { payoffOf } from './measures.js';
import { quantile, ratioOver, resamples } from './statistics.js';

/** Resamples of a break-even stake's interval. */
const RESAMPLES = 200;
/** Halvings of the range of stakes. */
const STEPS = 8;

/** Where a strategy begins to pay. */
export interface BreakEven {
  /** Smallest stake of the searched range at which the mean gain is above zero; 0 where it pays from the least stake on, null where never. */
  readonly stake: number | null;
  /** 95 % bootstrap interval over trials; a bound is null where a resample never pays. */
  readonly low: number | null;
  readonly high: number | null;
}

/** A break-even stake of a map. */
export interface MapBreakEven extends BreakEven {
  readonly strategy: string;
  readonly defence: string;
  readonly ratio: number;
}

/** A strategy that pays somewhere: what a map has to say of it. */
export interface Paying extends MapBreakEven {
  /** The largest mean gain among the cells whose interval lies above zero. */
  readonly best: MapCell;
  /** How many of the stakes those are. */
  readonly stakes: number;
}

/** The strategies that pay, with the defence and the price at which they do: at least one cell's interval of the gain lies above zero. */
export function payingOf(cells: readonly MapCell[], breakEvens: readonly MapBreakEven[]): Paying[] {
  return breakEvens.flatMap((one) => {
    const paying = cells.filter(
      ({ strategy, defence, ratio, gain }) => gain.low > 0 && strategy === one.strategy && defence === one.defence && ratio === one.ratio,
    );
    if (paying.length === 0) return [];
    const best = paying.reduce((most, cell) => (cell.gain.mean > most.gain.mean ? cell : most));
    return [{ ...one, best, stakes: paying.length }];
  });
}

/** In each trial: what lying adds to the payoff, and the honest income. */
type Gains = readonly [added: Float64Array, income: Float64Array];

/** Gain at a stake over all trials, or over a resample of them. */
type MeanGain = (stake: number, set: Int32Array | undefined) => number;

/**
 * The stake at which a strategy begins to pay, by bisection on its mean gain, with a bootstrap interval over trials.
 *
 * @param spec - a map; its stakes bound the search, from the smallest to the largest
 */
export function breakEven(spec: MapSpec, strategy: string, defence: string, ratio: number, backend?: Backend): BreakEven {
  checkMap({ ...spec, strategies: [strategy], defences: [defence], ratios: [ratio] });
  const known = new Map<number, Gains>();
  const gainsAt = (stake: number): Gains => {
    const found = known.get(stake);
    if (found !== undefined) return found;
    const trials = trialsOf(spec, { defence, stake }, backend);
    const twins = playTrials('honest', trials);
    const played = playTrials(strategy, trials);
    const gains = gainsFrom(
      played.map(({ minted }) => minted),
      played.map(({ loss }) => loss),
      { minted: twins.map(({ minted }) => minted), loss: twins.map(({ loss }) => loss) },
      ratio * spec.tau,
    );
    known.set(stake, gains);
    return gains;
  };
  const [least, most] = [Math.min(...spec.stakes), Math.max(...spec.stakes)];
  const mean: MeanGain = (stake, set) => ratioOver(...gainsAt(stake), set);
  return withInterval(spec, (set) => bisect(mean, set, least, most));
}

function bisect(mean: MeanGain, set: Int32Array | undefined, least: number, most: number): number | null {
  if (mean(least, set) > 0) return 0;
  if (!(mean(most, set) > 0)) return null;
  let [low, high] = [least, most];
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (mean(middle, set) > 0) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * Break-even stakes of every strategy, defence and price of a map, from what was played: between two stakes of the map the mean gain is
 * taken to be straight.
 *
 * @param groups - of a defence whose stakes are not all there (a shard) nothing is said
 */
export function breakEvensOf(spec: MapSpec, groups: readonly PlayedGroup[]): MapBreakEven[] {
  const stakes = [...spec.stakes].sort((a, b) => a - b);
  const out: MapBreakEven[] = [];
  for (const defence of spec.defences) {
    const own = stakes.map((stake) => groups.find(({ group }) => group.defence === defence && group.stake === stake));
    if (!own.every((played) => played !== undefined)) continue;
    for (const ratio of spec.ratios) {
      for (const [at, strategy] of spec.strategies.entries()) {
        const gains = own.map((played) => gainsOf(played, at, ratio * spec.tau));
        const found = withInterval(spec, (set) =>
          crossing(
            stakes,
            gains.map((values) => ratioOver(...values, set)),
          ),
        );
        out.push({ strategy, defence, ratio, ...found });
      }
    }
  }
  return out;
}

function gainsOf({ twin, outcomes }: PlayedGroup, strategy: number, alpha: number): Gains {
  const { minted, loss } = outcomes[strategy]!;
  return gainsFrom(minted, loss, twin, alpha);
}

function gainsFrom(
  minted: readonly number[],
  loss: readonly number[],
  twin: { readonly minted: readonly number[]; readonly loss: readonly number[] },
  alpha: number,
): Gains {
  const payoff = (tokens: number, lost: number) => payoffOf({ minted: tokens, loss: lost }, alpha);
  const added = Float64Array.from(minted, (tokens, k) => payoff(tokens, loss[k]!) - payoff(twin.minted[k]!, twin.loss[k]!));
  return [added, Float64Array.from(twin.minted)];
}

/** Where a broken line through (stakes, gains) first rises above zero. */
function crossing(stakes: readonly number[], gains: readonly number[]): number | null {
  const first = gains.findIndex((gain) => gain > 0);
  if (first <= 0) return first === 0 ? 0 : null;
  const [low, high] = [gains[first - 1]!, gains[first]!];
  return stakes[first - 1]! + ((stakes[first]! - stakes[first - 1]!) * -low) / (high - low);
}

function withInterval(spec: MapSpec, search: (set: Int32Array | undefined) => number | null): BreakEven {
  const sets = resamples(spec.trials, spec.seed).slice(0, RESAMPLES);
  const sorted = Float64Array.from(sets, (set) => search(set) ?? Number.POSITIVE_INFINITY).sort();
  const bound = (part: number): number | null => {
    const value = quantile(sorted, part);
    return Number.isFinite(value) ? value : null;
  };
  return { stake: search(undefined), low: bound(0.025), high: bound(0.975) };
}

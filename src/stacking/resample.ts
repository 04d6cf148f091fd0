/** Paired bootstrap over samples or groups: the same resamples for every model, from sums over units. */
import type { Kernels } from '../backend/index.js';
import { RandomStream } from '../core/random.js';
import type { Design } from './design.js';
import type { CheckedPool } from './pool.js';
import { normalTail } from './statistics.js';

const UNITS_STREAM = 0x756e6974;
const RESAMPLE_STREAM = 0x626f6f74;
/** More units than this are merged at random: the spread of a mean stays the same, known to 1 %. */
const MOST_UNITS = 10000;

/** What is resampled: rows of a design in units. */
export interface Units {
  readonly count: number;
  /** [samples]: unit of each row. */
  readonly of: Int32Array;
  /** [units]: weight of each. */
  readonly mass: Float64Array;
  readonly what: 'samples' | 'groups' | 'random sets of samples' | 'random sets of groups';
}

/** The units of a design: groups where the pool has them, else samples; merged at random where there are very many. */
export function unitsOf(pool: CheckedPool, design: Design, seed: number): Units {
  const grouped = pool.groups !== undefined;
  const count = Math.min(pool.groupCount, MOST_UNITS);
  const merged = count < pool.groupCount;
  const place = merged
    ? new RandomStream(seed, UNITS_STREAM).shuffle(Array.from({ length: pool.groupCount }, (_, k) => k % count))
    : undefined;
  const of = design.order.map((sample) => {
    const unit = pool.groups?.[sample] ?? sample;
    return place?.[unit] ?? unit;
  });
  const mass = new Float64Array(count);
  of.forEach((unit, row) => {
    mass[unit] += design.weights[row];
  });
  const things = grouped ? 'groups' : 'samples';
  return { count, of, mass, what: merged ? `random sets of ${things}` : things };
}

/** Sums over units of [samples, columns] values, weighted. */
export function sumOverUnits(design: Design, units: Units, values: Float64Array, columns: number): Float64Array {
  const sums = new Float64Array(units.count * columns);
  units.of.forEach((unit, row) => {
    for (let c = 0; c < columns; c++) sums[unit * columns + c] += design.weights[row] * values[row * columns + c];
  });
  return sums;
}

/** A mean with its interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Standard deviation over the resamples, and of the heads (head-spread.ts). */
  readonly error: number;
  /** Two-sided, that the mean is 0: normal, with that standard error. */
  readonly pValue: number;
}

/** Resamples drawn once, for any number of columns. */
export interface Resamples {
  readonly resamples: number;
  /** [resamples, units]: how often each unit was drawn. */
  readonly counts: readonly Float64Array[];
}

const RESAMPLES_AT_ONCE = 50;

/** Draws the resamples: each as many units as there are, with replacement. */
export function drawResamples(units: Units, resamples: number, seed: number): Resamples {
  const counts: Float64Array[] = [];
  for (let first = 0; first < resamples; first += RESAMPLES_AT_ONCE) {
    const rows = Math.min(RESAMPLES_AT_ONCE, resamples - first);
    const block = new Float64Array(rows * units.count);
    for (let r = 0; r < rows; r++) {
      const stream = new RandomStream(seed, RESAMPLE_STREAM, first + r);
      for (let draw = 0; draw < units.count; draw++) block[r * units.count + stream.integer(units.count)] += 1;
    }
    counts.push(block);
  }
  return { resamples, counts };
}

/** Means of columns of sums [units, columns] in every resample: [resamples, columns]. */
export function resampledMeans(kernels: Kernels, units: Units, draws: Resamples, sums: Float64Array, columns: number): Float64Array {
  const out = new Float64Array(draws.resamples * columns);
  const none = new Float64Array(0);
  let first = 0;
  for (const block of draws.counts) {
    const rows = block.length / units.count;
    const part = out.subarray(first * columns, (first + rows) * columns);
    kernels.matMul(part, block, sums, none, rows, units.count, columns, false, false);
    const mass = new Float64Array(rows);
    kernels.matVec(mass, block, units.mass, none, rows, units.count);
    for (let k = 0; k < part.length; k++) part[k] /= mass[Math.floor(k / columns)];
    first += rows;
  }
  return out;
}

/**
 * The mean of each column of [units, columns] sums, with percentile intervals.
 *
 * @param spread - [columns]: variance that resampling does not see. The interval is stretched about the value as the standard error grows.
 */
export function estimate(
  kernels: Kernels,
  units: Units,
  draws: Resamples,
  sums: Float64Array,
  columns: number,
  level: number,
  spread?: Float64Array | undefined,
): Estimate[] {
  const replicates = resampledMeans(kernels, units, draws, sums, columns);
  const mass = units.mass.reduce((total, weight) => total + weight, 0);
  return Array.from({ length: columns }, (_, c) => {
    let total = 0;
    for (let unit = 0; unit < units.count; unit++) total += sums[unit * columns + c];
    const column = Float64Array.from({ length: draws.resamples }, (__, r) => replicates[r * columns + c]);
    return summarise(total / mass, column, level, spread?.[c] ?? 0);
  });
}

function summarise(value: number, replicates: Float64Array, level: number, spread: number): Estimate {
  const n = replicates.length;
  let mean = 0;
  for (const x of replicates) mean += x / n;
  let square = 0;
  for (const x of replicates) square += (x - mean) ** 2;
  const resampled = Math.sqrt(square / Math.max(1, n - 1));
  const error = Math.sqrt(resampled * resampled + spread);
  const stretch = resampled > 0 ? error / resampled : 1;
  const sorted = replicates.sort();
  const tail = (1 - level) / 2;
  const pValue = error > 0 ? 2 * normalTail(Math.abs(value) / error) : value === 0 ? 1 : 0;
  const bound = (share: number): number => value + stretch * (quantile(sorted, share) - value);
  return { value, low: bound(tail), high: bound(1 - tail), error, pValue };
}

/** Linear between order statistics. */
export function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

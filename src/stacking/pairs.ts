/** Pairs of models that are worth more together than one by one. */
import type { Backend } from '../backend/index.js';
import type { Contributions } from './contributions.js';
import type { Design } from './design.js';
import { changesOf, headSpread, type SpreadRows } from './head-spread.js';
import type { Measured } from './measure.js';
import { type Estimate, estimate, type Resamples, sumOverUnits, type Units } from './resample.js';

/** The removal of two models at once. */
export interface PairRemoval {
  readonly models: readonly [number, number];
  /** Held-out loss that the absence of both costs under the same head. */
  readonly worth: Estimate;
  /** That less the worth of each alone: above 0 where they stand in for each other. */
  readonly synergy: Estimate;
}

/** What the heads' part of the variance is taken from: the same contributions under every head, and the removals of single models. */
export interface PairSpread {
  readonly rows: SpreadRows;
  readonly contributions: readonly Contributions[];
  /** One [rows, models] a head. */
  readonly changes: readonly Float64Array[];
}

/** Pairs that are measured exactly: those whose entry of the Gram matrix is largest. */
const MOST_PAIRS = 10;

/** Removes the pairs with the largest interaction, exactly, under the same head. */
export function pairRemovals(
  backend: Backend,
  design: Design,
  contributions: Contributions,
  measured: Measured,
  units: Units,
  draws: Resamples,
  level: number,
  spread: PairSpread | null,
): PairRemoval[] {
  const models = design.starts.length - 1;
  const pairs = strongestPairs(measured.gram, models);
  const p = pairs.length;
  if (p === 0) return [];
  const exact = changesOf(backend, design, contributions, pairs);
  const together = sumOverUnits(design, units, exact, p);
  const sums = besideParts(together, measured.ablation, pairs, models);
  const variance =
    spread === null
      ? undefined
      : headSpread(
          spread.rows,
          spread.contributions.map((own, k) =>
            besideParts(changesOf(backend, spread.rows.design, own, pairs), spread.changes[k], pairs, models),
          ),
          2 * p,
        );
  const estimates = estimate(backend.kernels, units, draws, sums, 2 * p, level, variance);
  return pairs
    .map((pair, k) => ({ models: pair, worth: estimates[k], synergy: estimates[p + k] }))
    .sort((a, b) => b.synergy.value - a.synergy.value);
}

/** [rows, 2 pairs]: the removal of each pair, then that less the removals of its models. */
function besideParts(
  together: Float64Array,
  single: Float64Array,
  pairs: readonly (readonly [number, number])[],
  models: number,
): Float64Array {
  const p = pairs.length;
  const out = new Float64Array(2 * together.length);
  for (let row = 0; row * p < together.length; row++) {
    pairs.forEach(([i, j], k) => {
      out[row * 2 * p + k] = together[row * p + k];
      out[row * 2 * p + p + k] = together[row * p + k] - (single[row * models + i] + single[row * models + j]);
    });
  }
  return out;
}

function strongestPairs(gram: Float64Array, models: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < models; i++) for (let j = i + 1; j < models; j++) pairs.push([i, j]);
  const size = ([i, j]: readonly [number, number]): number => gram[i * models + j];
  return pairs.sort((a, b) => size(b) - size(a)).slice(0, MOST_PAIRS);
}

/** Pairs of models that are worth more together than one by one. */
import type { Backend } from '../backend/index.js';
import { removalScores } from '../curvature.js';
import { type Contributions, rowsAtOnce } from './contributions.js';
import type { Design } from './design.js';
import { type Measured, passingHead, pieces, targetsOf } from './measure.js';
import { type Estimate, estimate, type Resamples, type Units } from './resample.js';

/** The removal of two models at once. */
export interface PairRemoval {
  readonly models: readonly [number, number];
  /** Held-out loss that the absence of both costs under the same head. */
  readonly worth: Estimate;
  /** That less the worth of each alone: above 0 where they stand in for each other. */
  readonly synergy: Estimate;
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
): PairRemoval[] {
  const models = design.starts.length - 1;
  const pairs = strongestPairs(measured.gram, models);
  const p = pairs.length;
  if (p === 0) return [];
  const sums = new Float64Array(units.count * 2 * p);
  const head = passingHead(p + 1, design.outputs);
  for (const [first, count] of pieces(contributions.parts, rowsAtOnce(models, design.outputs))) {
    const responses = pairRows(contributions.rows(first, count), pairs, count, models, design.outputs);
    const { scores } = removalScores({
      ...targetsOf(design, first, count),
      head,
      responses,
      batch: count,
      peers: p + 1,
      width: design.outputs,
      loss: design.loss,
      estimator: 'ablation',
      reduction: 'none',
      backend,
    });
    for (let r = 0; r < count; r++) {
      for (let k = 0; k < p; k++) sums[units.of[first + r] * 2 * p + k] += design.weights[first + r] * scores[r * (p + 1) + k];
    }
  }
  for (let unit = 0; unit < units.count; unit++) {
    pairs.forEach(([i, j], k) => {
      const parts = measured.ablation[unit * models + i] + measured.ablation[unit * models + j];
      sums[unit * 2 * p + p + k] = sums[unit * 2 * p + k] - parts;
    });
  }
  const estimates = estimate(backend.kernels, units, draws, sums, 2 * p, level);
  return pairs
    .map((pair, k) => ({ models: pair, worth: estimates[k], synergy: estimates[p + k] }))
    .sort((a, b) => b.synergy.value - a.synergy.value);
}

function strongestPairs(gram: Float64Array, models: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < models; i++) for (let j = i + 1; j < models; j++) pairs.push([i, j]);
  const size = ([i, j]: readonly [number, number]): number => gram[i * models + j];
  return pairs.sort((a, b) => size(b) - size(a)).slice(0, MOST_PAIRS);
}

/** Rows of contributions with one entry a pair, and the rest last. */
function pairRows(
  rows: Float64Array,
  pairs: readonly (readonly [number, number])[],
  count: number,
  models: number,
  outputs: number,
): Float64Array {
  const entries = pairs.length + 1;
  const out = new Float64Array(count * entries * outputs);
  for (let r = 0; r < count; r++) {
    for (let c = 0; c < outputs; c++) {
      let total = 0;
      for (let i = 0; i <= models; i++) total += rows[(r * (models + 1) + i) * outputs + c];
      pairs.forEach(([i, j], k) => {
        const value = rows[(r * (models + 1) + i) * outputs + c] + rows[(r * (models + 1) + j) * outputs + c];
        out[(r * entries + k) * outputs + c] = value;
        total -= value;
      });
      out[(r * entries + pairs.length) * outputs + c] = total;
    }
  }
  return out;
}

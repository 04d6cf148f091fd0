/**
 * The part of an estimate's variance that comes from the heads of the folds sharing their training samples.
 *
 * Let d_s(h) be the change of the loss of sample s under head h, and h_k the head that was fitted without fold k. The estimate is the mean
 * of d_s(h_k(s)). Its variance given the heads is Var(d)/n, which a bootstrap over samples sees. But a sample that is scored in its own fold
 * has also moved the heads of the other folds, so the errors of two folds are correlated. Written to first order in the influence of fold j
 * on h_k, that adds (1/n) sum_k Var_s(d_s(h_k) - mean_j d_s(h_j)), for h_k - mean h is what the other heads have from fold k. Where a
 * model's weights are nothing but sampling noise this doubles the variance; where they are large it vanishes like 1/n.
 */
import type { Backend, Kernels } from '../backend/index.js';
import { groupRemoval } from '../curvature.js';
import { type Contributions, rowsAtOnce } from './contributions.js';
import { heldOutLosses } from './cross-fit.js';
import { type Design, pickRows } from './design.js';
import { pieces, targetsOf } from './measure.js';
import type { Units } from './resample.js';

/** Rows on which all heads are compared: whole units, drawn evenly. */
export interface SpreadRows {
  /** The rows as one fold. */
  readonly design: Design;
  /** [rows]: their units. */
  readonly of: Int32Array;
  readonly units: number;
  /** Their share of all weight. */
  readonly share: number;
}

/** Enough rows to know a variance to a few percent. */
const MOST_ROWS = 2048;

/** Some whole units of a design, about `most` rows in all. */
export function spreadRows(design: Design, units: Units, most = MOST_ROWS): SpreadRows {
  const stride = Math.max(1, Math.min(units.count, Math.ceil(design.samples / most)));
  const rows: number[] = [];
  let mass = 0;
  let total = 0;
  units.of.forEach((unit, row) => {
    total += design.weights[row];
    if (unit % stride !== 0) return;
    rows.push(row);
    mass += design.weights[row];
  });
  const picked = stride === 1 ? { ...design, foldStarts: Int32Array.of(0, design.samples) } : pickRows(design, rows, [0, rows.length]);
  const of = Int32Array.from(rows, (row) => Math.floor(units.of[row] / stride));
  return { design: picked, of, units: Math.ceil(units.count / stride), share: mass / total };
}

/**
 * The additional variance of each column.
 *
 * @param changes - One [rows, columns] a head: d_s(h_k).
 * @returns [columns]
 */
export function headSpread({ design, of, units, share }: SpreadRows, changes: readonly Float64Array[], columns: number): Float64Array {
  const { samples, weights } = design;
  const mass = new Float64Array(units);
  of.forEach((unit, row) => {
    mass[unit] += weights[row];
  });
  const total = mass.reduce((sum, weight) => sum + weight, 0);
  const out = new Float64Array(columns);
  const sums = new Float64Array(units);
  for (let c = 0; c < columns; c++) {
    for (const own of changes) {
      sums.fill(0);
      let all = 0;
      for (let row = 0; row < samples; row++) {
        let mean = 0;
        for (const other of changes) mean += other[row * columns + c] / changes.length;
        const apart = weights[row] * (own[row * columns + c] - mean);
        sums[of[row]] += apart;
        all += apart;
      }
      for (let unit = 0; unit < units; unit++) out[c] += (sums[unit] - (mass[unit] * all) / total) ** 2;
    }
    out[c] *= share / (total * total);
  }
  return out;
}

/** The losses of the rows under each head in turn. */
export function lossesByHead(kernels: Kernels, design: Design, parameters: readonly Float64Array[]): Float64Array[] {
  const sets = parameters.map((head) => [head]);
  return heldOutLosses(kernels, design, sets);
}

/** One list less another. */
export function differences(a: readonly Float64Array[], b: readonly Float64Array[]): Float64Array[] {
  return a.map((values, k) => values.map((value, row) => value - b[k][row]));
}

/** The exact change of each row's loss without each group of models, or without each model: [rows, groups]. */
export function changesOf(
  backend: Backend,
  design: Design,
  contributions: Contributions,
  groups: readonly (readonly number[])[],
): Float64Array {
  const columns = groups.length;
  const out = new Float64Array(design.samples * columns);
  for (const [first, count] of pieces(contributions.parts, rowsAtOnce(design.starts.length - 1, design.outputs))) {
    const { scores } = groupRemoval({
      ...contributions.batch(first, count),
      ...targetsOf(design, first, count),
      groups,
      loss: design.loss,
      estimator: 'ablation',
      reduction: 'none',
      backend,
    });
    out.set(scores, first * columns);
  }
  return out;
}

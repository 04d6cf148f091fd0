/** Linear heads with L2 fitted to a design: many folds and sets of models at once, each to a stated gradient norm. */
import type { Kernels } from '../backend/index.js';
import { LOSSES } from '../core/closed-lists.js';
import type { Design } from './design.js';
import { invertSymmetric } from './inverse.js';
import { type Evaluation, type MinimiseOptions, minimise } from './minimise.js';
import type { Preconditioner } from './preconditioner.js';

/** One head to fit: the mean loss of its training samples plus l2 / 2 times the sum of its squared weights; biases are free. */
export interface HeadProblem {
  /** Fold that is held out; null trains on every sample. */
  readonly fold: number | null;
  readonly l2: number;
  /** Models whose weights stay 0. */
  readonly without: readonly number[];
  /** [models]: what l2 is multiplied by for the weights of each model. Default 1. */
  readonly shrinkage?: Float64Array | undefined;
}

/** A fitted head. */
export interface FittedHead {
  /** [width + 1, outputs], the last row the biases. */
  readonly parameters: Float64Array;
  /** Largest entry of the gradient of the penalised mean loss. */
  readonly gradientNorm: number;
  readonly steps: number;
  readonly status: 'converged' | 'stepLimit' | 'stalled';
}

/** Fits every problem, from the starting points given or from 0. */
export function fitHeads(
  kernels: Kernels,
  design: Design,
  problems: readonly HeadProblem[],
  preconditioner: Preconditioner,
  options: MinimiseOptions,
  starts?: readonly Float64Array[],
): FittedHead[] {
  const size = (design.width + 1) * design.outputs;
  const masks = problems.map((problem) => maskOf(kernels, design, problem, preconditioner));
  const points = problems.map((_, k) => {
    const point = starts === undefined ? new Float64Array(size) : starts[k].slice();
    clear(design, masks[k], point);
    return point;
  });
  const minima = minimise(
    {
      evaluate: (which, at) => evaluate(kernels, design, which, problems, masks, at),
      precondition: (which, vectors) => preconditionAll(kernels, design, which, masks, preconditioner, vectors),
    },
    points,
    options,
  );
  return minima.map(({ point, gradientNorm, steps, status }) => ({ parameters: point, gradientNorm, steps, status }));
}

/** Columns of a design that a problem leaves out, and the inverse of their block of the preconditioner. */
interface Mask {
  readonly columns: readonly number[];
  readonly block: Float64Array;
}

const NO_MASK: Mask = { columns: [], block: new Float64Array(0) };

function maskOf(kernels: Kernels, design: Design, problem: HeadProblem, { inverse }: Preconditioner): Mask {
  if (problem.without.length === 0) return NO_MASK;
  const columns = columnsOf(design, problem.without);
  const n = columns.length;
  const block = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) block[i * n + j] = inverse[columns[i] * design.width + columns[j]];
  return { columns, block: invertSymmetric(kernels, block, n) };
}

/** Columns of the given models, in order. */
export function columnsOf(design: Design, models: readonly number[]): number[] {
  return models.flatMap((i) => Array.from({ length: design.starts[i + 1] - design.starts[i] }, (_, c) => design.starts[i] + c));
}

function clear(design: Design, mask: Mask, vector: Float64Array): void {
  const { outputs } = design;
  for (const column of mask.columns) vector.fill(0, column * outputs, (column + 1) * outputs);
}

function evaluate(
  kernels: Kernels,
  design: Design,
  which: readonly number[],
  problems: readonly HeadProblem[],
  masks: readonly Mask[],
  points: readonly Float64Array[],
): Evaluation[] {
  const { samples, width, outputs } = design;
  const losses = new Float64Array(which.length * samples);
  const gradients = new Float64Array((width + 1) * which.length * outputs);
  kernels.stackingGradient(
    losses,
    gradients,
    design.features,
    interleave(points, width + 1, outputs),
    design.labels,
    design.targets,
    trainingWeights(design, which, problems),
    LOSSES.indexOf(design.loss),
    samples,
    width,
    which.length,
    outputs,
  );
  return which.map((index, k) => {
    const gradient = separate(gradients, k, which.length, width + 1, outputs);
    const penalty = addPenalty(design, problems[index], points[k], gradient);
    clear(design, masks[index], gradient);
    return { value: kernels.treeSum(losses.subarray(k * samples, (k + 1) * samples)) + penalty, gradient };
  });
}

/** Adds the gradient of the penalty, and returns its value. */
function addPenalty({ starts, outputs }: Design, { l2, shrinkage }: HeadProblem, point: Float64Array, gradient: Float64Array): number {
  let penalty = 0;
  for (let i = 0; i + 1 < starts.length; i++) {
    const strength = l2 * (shrinkage?.[i] ?? 1);
    for (let j = starts[i] * outputs; j < starts[i + 1] * outputs; j++) {
      penalty += 0.5 * strength * point[j] * point[j];
      gradient[j] += strength * point[j];
    }
  }
  return penalty;
}

/** [problems, samples]: each sample's share of the training samples of a problem, 0 where it is held out. */
function trainingWeights(design: Design, which: readonly number[], problems: readonly HeadProblem[]): Float64Array {
  const { samples, weights, foldStarts } = design;
  const out = new Float64Array(which.length * samples);
  which.forEach((index, k) => {
    const { fold } = problems[index];
    const from = fold === null ? 0 : foldStarts[fold];
    const to = fold === null ? 0 : foldStarts[fold + 1];
    let total = 0;
    for (let row = 0; row < samples; row++) if (row < from || row >= to) total += weights[row];
    for (let row = 0; row < samples; row++) out[k * samples + row] = row < from || row >= to ? weights[row] / total : 0;
  });
  return out;
}

/** [rows, problems * columns] from one [rows, columns] a problem. */
export function interleave(parts: readonly Float64Array[], rows: number, columns: number): Float64Array {
  if (parts.length === 1) return parts[0];
  const out = new Float64Array(rows * parts.length * columns);
  parts.forEach((part, k) => {
    for (let row = 0; row < rows; row++) {
      const to = (row * parts.length + k) * columns;
      for (let c = 0; c < columns; c++) out[to + c] = part[row * columns + c];
    }
  });
  return out;
}

function separate(all: Float64Array, k: number, count: number, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = (row * count + k) * columns;
    for (let c = 0; c < columns; c++) out[row * columns + c] = all[from + c];
  }
  return out;
}

function preconditionAll(
  kernels: Kernels,
  design: Design,
  which: readonly number[],
  masks: readonly Mask[],
  preconditioner: Preconditioner,
  vectors: readonly Float64Array[],
): Float64Array[] {
  if (vectors.length === 0) return [];
  const { width, outputs } = design;
  const columns = vectors.length * outputs;
  const product = new Float64Array((width + 1) * columns);
  const stacked = interleave(vectors, width + 1, outputs);
  const none = new Float64Array(0);
  kernels.matMul(
    product.subarray(0, width * columns),
    preconditioner.inverse,
    stacked.subarray(0, width * columns),
    none,
    width,
    width,
    columns,
    false,
    false,
  );
  for (let c = 0; c < columns; c++) product[width * columns + c] = preconditioner.bias * stacked[width * columns + c];
  return which.map((index, k) => {
    const out = separate(product, k, vectors.length, width + 1, outputs);
    restrict(design, masks[index], preconditioner, out);
    return out;
  });
}

/** Turns the product with the whole inverse into that with the inverse of the problem without its masked columns. */
function restrict(design: Design, { columns, block }: Mask, { inverse }: Preconditioner, vector: Float64Array): void {
  const { width, outputs } = design;
  const n = columns.length;
  if (n === 0) return;
  const solved = new Float64Array(n * outputs);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const factor = block[i * n + j];
      for (let c = 0; c < outputs; c++) solved[i * outputs + c] += factor * vector[columns[j] * outputs + c];
    }
  }
  for (let row = 0; row < width; row++) {
    for (let i = 0; i < n; i++) {
      const factor = inverse[row * width + columns[i]];
      if (factor === 0) continue;
      for (let c = 0; c < outputs; c++) vector[row * outputs + c] -= factor * solved[i * outputs + c];
    }
  }
  for (const column of columns) vector.fill(0, column * outputs, (column + 1) * outputs);
}

/**
 * A good starting point for a head without some models: what the preconditioner's quadratic model says the others take over.
 * It is the exact minimum where the loss is quadratic.
 */
export function withoutModels(
  kernels: Kernels,
  design: Design,
  preconditioner: Preconditioner,
  parameters: Float64Array,
  models: readonly number[],
): Float64Array {
  const mask = maskOf(kernels, design, { fold: null, l2: 0, without: models }, preconditioner);
  const moved = parameters.slice();
  const { width, outputs } = design;
  const n = mask.columns.length;
  const solved = new Float64Array(n * outputs);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let c = 0; c < outputs; c++) solved[i * outputs + c] += mask.block[i * n + j] * parameters[mask.columns[j] * outputs + c];
    }
  }
  for (let row = 0; row < width; row++) {
    for (let i = 0; i < n; i++) {
      const factor = preconditioner.inverse[row * width + mask.columns[i]];
      for (let c = 0; c < outputs; c++) moved[row * outputs + c] -= factor * solved[i * outputs + c];
    }
  }
  clear(design, mask, moved);
  return moved;
}

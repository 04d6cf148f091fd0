/** About the inverse of the Hessian of a linear head: one matrix over the features serves every class, fold and set of models. */
import type { Kernels } from '../backend/index.js';
import type { Design } from './design.js';
import { invertSymmetric } from './inverse.js';

/** A symmetric matrix over the features, and how it applies to the biases. */
export interface Preconditioner {
  /** [width, width] */
  readonly inverse: Float64Array;
  readonly bias: number;
  readonly l2: number;
}

/** Widest design whose matrix is inverted whole; beyond it each model keeps a block of its own, up to the same width. */
const WIDEST = 1536;

/** X^T V X / sum(w) over the blocks that are inverted whole, with v_s = w_s times the mean curvature of the sample's loss over its outputs. */
export interface Curvature {
  readonly blocks: readonly { readonly from: number; readonly size: number; readonly gram: Float64Array }[];
  /** Inverse of the mean curvature. */
  readonly bias: number;
}

/** Rows that the curvature is taken from: enough for the width, and an eighth of very many. */
function rowsFor({ samples, width }: Design): number {
  return Math.max(4096, 6 * width, Math.ceil(samples / 8));
}

/**
 * The curvature of a loss over some thousand rows: those with much of it, and an even share of the others, each standing for as much.
 * Where a pool is nearly always right a few rows hold nearly all curvature, and an even choice would miss most of them.
 *
 * @param curvature - [samples], mean over the outputs; the weights are multiplied in here.
 */
export function curvatureOver(kernels: Kernels, design: Design, curvature: Float64Array): Curvature {
  const { width, weights, starts, features } = design;
  const mass = weights.reduce((sum, weight) => sum + weight, 0);
  const curved = weights.map((weight, row) => weight * curvature[row]);
  const { rows, shares } = sampleRows(curved, rowsFor(design));
  const scaled = new Float64Array(rows.length * width);
  rows.forEach((row, r) => {
    const root = Math.sqrt(shares[r] / mass);
    for (let c = 0; c < width; c++) scaled[r * width + c] = root * features[row * width + c];
  });
  const blocks = blocksOf(starts, width).map(([from, to]) => {
    const size = to - from;
    const block = size === width ? scaled : columnsOf(scaled, rows.length, width, from, to);
    const gram = new Float64Array(size * size);
    kernels.matMul(gram, block, block, new Float64Array(0), size, rows.length, size, true, false);
    return { from, size, gram };
  });
  const total = curved.reduce((sum, value) => sum + value, 0);
  return { blocks, bias: total > 0 ? mass / total : 1 };
}

/**
 * About `most` places of a list that hold its sum: those of at least the sum's `most`-th part with their own values, and every so many of
 * the others, at even steps of their running sum, with a step each.
 */
export function sampleRows(values: Float64Array, most: number): { rows: number[]; shares: number[] } {
  const total = values.reduce((sum, value) => sum + value, 0);
  const step = total / most;
  const rows: number[] = [];
  const shares: number[] = [];
  let passed = 0;
  let next = step / 2;
  values.forEach((value, row) => {
    const whole = value >= step || values.length <= most;
    if (!whole) passed += value;
    if (!whole && passed < next) return;
    rows.push(row);
    shares.push(whole ? value : step);
    if (!whole) next += step;
  });
  return { rows, shares };
}

/**
 * (X^T V X / sum(w) + l2 I)^-1
 *
 * @param shrinkage - [models]: what l2 is multiplied by for the features of each model.
 */
export function preconditionBy(
  kernels: Kernels,
  { starts, width }: Design,
  { blocks, bias }: Curvature,
  l2: number,
  shrinkage?: Float64Array,
): Preconditioner {
  const inverse = new Float64Array(width * width);
  for (const { from, size, gram } of blocks) {
    const hessian = gram.slice();
    addRidge(hessian, starts, from, size, l2, shrinkage);
    const part = invertSymmetric(kernels, hessian, size);
    for (let i = 0; i < size; i++) inverse.set(part.subarray(i * size, (i + 1) * size), (from + i) * width + from);
  }
  return { inverse, bias, l2 };
}

/** Both at once. */
export function precondition(
  kernels: Kernels,
  design: Design,
  curvature: Float64Array,
  l2: number,
  shrinkage?: Float64Array,
): Preconditioner {
  return preconditionBy(kernels, design, curvatureOver(kernels, design, curvature), l2, shrinkage);
}

function addRidge(
  hessian: Float64Array,
  starts: Int32Array,
  from: number,
  size: number,
  l2: number,
  shrinkage: Float64Array | undefined,
): void {
  for (let i = 0; i + 1 < starts.length; i++) {
    const first = Math.max(starts[i] - from, 0);
    const end = Math.min(starts[i + 1] - from, size);
    for (let k = first; k < end; k++) hessian[k * size + k] += l2 * (shrinkage?.[i] ?? 1);
  }
}

function blocksOf(starts: Int32Array, width: number): [number, number][] {
  if (width <= WIDEST) return [[0, width]];
  const blocks: [number, number][] = [];
  for (let i = 0; i + 1 < starts.length; i++) {
    for (let from = starts[i]; from < starts[i + 1]; from += WIDEST) blocks.push([from, Math.min(from + WIDEST, starts[i + 1])]);
  }
  return blocks;
}

function columnsOf(matrix: Float64Array, rows: number, width: number, from: number, to: number): Float64Array {
  const out = new Float64Array(rows * (to - from));
  for (let r = 0; r < rows; r++) out.set(matrix.subarray(r * width + from, r * width + to), r * (to - from));
  return out;
}

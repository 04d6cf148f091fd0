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

/**
 * The curvature of a loss over some thousand rows.
 *
 * @param curvature - [samples], mean over the outputs; the weights are multiplied in here.
 */
export function curvatureOver(kernels: Kernels, design: Design, curvature: Float64Array): Curvature {
  const { samples, width, weights, starts } = design;
  const stride = Math.max(1, Math.floor(samples / Math.max(4096, 6 * width)));
  const rows = Math.ceil(samples / stride);
  let mass = 0;
  let curved = 0;
  for (let row = 0; row < samples; row += stride) {
    mass += weights[row];
    curved += weights[row] * curvature[row];
  }
  const scaled = new Float64Array(rows * width);
  for (let r = 0; r < rows; r++) {
    const root = Math.sqrt((weights[r * stride] * curvature[r * stride]) / mass);
    for (let c = 0; c < width; c++) scaled[r * width + c] = root * design.features[r * stride * width + c];
  }
  const blocks = blocksOf(starts, width).map(([from, to]) => {
    const size = to - from;
    const block = size === width ? scaled : columnsOf(scaled, rows, width, from, to);
    const gram = new Float64Array(size * size);
    kernels.matMul(gram, block, block, new Float64Array(0), size, rows, size, true, false);
    return { from, size, gram };
  });
  return { blocks, bias: curved > 0 ? mass / curved : 1 };
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

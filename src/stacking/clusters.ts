/** Which models say the same: correlations of their answers, clusters of copies, and an order in which alike ones are neighbours. */
import type { Kernels } from '../backend/index.js';
import type { Design } from './design.js';

/** Correlation above which a model counts as a copy. */
export const COPY = 0.98;

/**
 * [models, models]: how much of the larger answer's spread two models share: the RV coefficient's root,
 * |C_ij| / sqrt(|C_ii| |C_jj|) with C_ij the covariance of their features and |.| the Frobenius norm; 0 for a constant answer.
 */
export function similarity(kernels: Kernels, design: Design): Float64Array {
  const { width, starts } = design;
  const models = starts.length - 1;
  const covariance = covarianceOf(kernels, design);
  const norms = new Float64Array(models * models);
  for (let i = 0; i < models; i++) {
    for (let j = 0; j < models; j++) {
      let sum = 0;
      for (let a = starts[i]; a < starts[i + 1]; a++) for (let b = starts[j]; b < starts[j + 1]; b++) sum += covariance[a * width + b] ** 2;
      norms[i * models + j] = Math.sqrt(sum);
    }
  }
  return norms.map((norm, k) => {
    const i = Math.floor(k / models);
    const j = k % models;
    const scale = Math.sqrt(norms[i * models + i] * norms[j * models + j]);
    return i === j ? 1 : scale > 0 ? norm / scale : 0;
  });
}

/** Rows that are enough for correlations. */
const ROWS = 20000;

function covarianceOf(kernels: Kernels, design: Design): Float64Array {
  const { samples, width, features } = design;
  const stride = Math.max(1, Math.floor(samples / ROWS));
  const rows = Math.ceil(samples / stride);
  let block = features;
  if (stride > 1) {
    block = new Float64Array(rows * width);
    for (let r = 0; r < rows; r++) block.set(features.subarray(r * stride * width, (r * stride + 1) * width), r * width);
  }
  const out = new Float64Array(width * width);
  kernels.matMul(out, block, block, new Float64Array(0), width, rows, width, true, false);
  return out;
}

/** Groups of at least two models of which each is alike to another one in the group; the first is the smallest index. */
export function copies(alike: Float64Array, models: number, threshold = COPY): number[][] {
  const group = Array.from({ length: models }, (_, i) => i);
  const root = (i: number): number => (group[i] === i ? i : root(group[i]));
  for (let i = 0; i < models; i++) {
    for (let j = i + 1; j < models; j++)
      if (alike[i * models + j] >= threshold) group[Math.max(root(i), root(j))] = Math.min(root(i), root(j));
  }
  const members = new Map<number, number[]>();
  for (let i = 0; i < models; i++) members.set(root(i), [...(members.get(root(i)) ?? []), i]);
  return [...members.values()].filter((found) => found.length > 1);
}

/** An order of the models in which alike ones are neighbours: leaves of average linkage. */
export function clusterOrder(alike: Float64Array, models: number): number[] {
  let clusters = Array.from({ length: models }, (_, i) => [i]);
  while (clusters.length > 1) {
    let best: [number, number] = [0, 1];
    let most = Number.NEGATIVE_INFINITY;
    for (let a = 0; a < clusters.length; a++) {
      for (let b = a + 1; b < clusters.length; b++) {
        const mean = meanOver(alike, models, clusters[a], clusters[b]);
        if (mean > most) {
          most = mean;
          best = [a, b];
        }
      }
    }
    const [a, b] = best;
    const joined = [...clusters[a], ...clusters[b]];
    clusters = [...clusters.filter((_, k) => k !== a && k !== b), joined];
  }
  return clusters[0];
}

function meanOver(alike: Float64Array, models: number, a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (const i of a) for (const j of b) sum += alike[i * models + j];
  return sum / (a.length * b.length);
}

/** A head over some models of a pool: fitted again, or pooled, and what it loses on held-out samples. */
import type { Kernels } from '../backend/index.js';
import { pooledLogits } from './contributions.js';
import { type CrossFit, heldOutLogits, lossesOf, weightedMean } from './cross-fit.js';
import type { Design } from './design.js';
import { fitHeads, withoutModels } from './fit.js';
import { lossesByHead } from './head-spread.js';
import { precondition } from './preconditioner.js';

/** A head over a set of models. */
export interface SubsetFit {
  /** [samples], not weighted. */
  readonly losses: Float64Array;
  /** Losses of other rows of the whole design under the head of each fold; null without fitted heads. */
  readonly byHead: ((rows: Design) => Float64Array[]) | null;
}

/** Fits, or pools, a set of models. */
export type FitSubset = (kept: readonly number[]) => SubsetFit;

/** Of a head without parameters. */
export function pooledSubsets(kernels: Kernels, design: Design, preset: 'vote' | 'logPool'): FitSubset {
  return (kept) => ({ losses: lossesOf(kernels, design, pooledLogits(kernels, design, preset, kept)), byHead: null });
}

/** Of fitted heads, each from where the whole head and the quadratic model leave it. */
export function fittedSubsets(
  kernels: Kernels,
  design: Design,
  base: CrossFit,
  tolerance: number,
  maxSteps: number,
  onStep: () => void,
): FitSubset {
  const models = design.starts.length - 1;
  const curvature = new Float64Array(design.samples).fill(1 / design.outputs);
  return (kept) => {
    if (kept.length === models) return wholeFit(kernels, base);
    const dropped = Array.from({ length: models }, (_, i) => i).filter((i) => !kept.includes(i));
    const part = partOf(design, kept);
    const shrinkage = base.shrinkage.map((own) => Float64Array.from(kept, (i) => own[i]));
    const mean = shrinkage[0].map((_, k) => shrinkage.reduce((sum, own) => sum + own[k], 0) / shrinkage.length);
    const starts = base.heads.map(({ parameters }) =>
      rowsOf(design, withoutModels(kernels, design, base.preconditioner, parameters, dropped), kept),
    );
    const preconditioner = precondition(kernels, part, curvature, base.l2, mean);
    const problems = shrinkage.map((own, fold) => ({ fold, l2: base.l2, without: [], shrinkage: own }));
    const heads = fitHeads(kernels, part, problems, preconditioner, { tolerance, maxSteps, onStep }, starts);
    const parameters = heads.map((head) => head.parameters);
    return {
      losses: lossesOf(kernels, part, heldOutLogits(kernels, part, parameters)),
      byHead: (rows) => lossesByHead(kernels, partOf(rows, kept), parameters),
    };
  };
}

/** The head over all models as one of the fits. */
export function wholeFit(kernels: Kernels, base: CrossFit): SubsetFit {
  const parameters = base.heads.map((head) => head.parameters);
  return { losses: base.losses, byHead: (rows) => lossesByHead(kernels, rows, parameters) };
}

/** The design of some of the models. */
export function partOf(design: Design, kept: readonly number[]): Design {
  const { samples, starts } = design;
  const own = new Int32Array(kept.length + 1);
  kept.forEach((i, k) => {
    own[k + 1] = own[k] + starts[i + 1] - starts[i];
  });
  const width = own[kept.length];
  const features = new Float64Array(samples * width);
  const means = new Float64Array(width);
  for (const [k, i] of kept.entries()) {
    means.set(design.means.subarray(starts[i], starts[i + 1]), own[k]);
    for (let row = 0; row < samples; row++) {
      const from = row * design.width + starts[i];
      const to = row * width + own[k];
      for (let c = 0; c < starts[i + 1] - starts[i]; c++) features[to + c] = design.features[from + c];
    }
  }
  return { ...design, width, features, starts: own, means, scales: Float64Array.from(kept, (i) => design.scales[i]), absent: null };
}

/** The rows of parameters that belong to some models, and the biases. */
function rowsOf({ starts, outputs, width }: Design, parameters: Float64Array, kept: readonly number[]): Float64Array {
  const parts = kept.map((i) => parameters.subarray(starts[i] * outputs, starts[i + 1] * outputs));
  const bias = parameters.subarray(width * outputs);
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, bias.length));
  let at = 0;
  for (const part of [...parts, bias]) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Mean loss of a set, weighted. */
export function meanLoss(design: Design, losses: Float64Array): number {
  return weightedMean(losses, design.weights);
}

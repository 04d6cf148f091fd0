/** Elimination in very large pools: one model after another by the quadratic model of the loss, each set judged on held-out samples. */
import type { Kernels } from '../backend/index.js';
import { type CrossFit, heldOutLogits, lossesOf } from './cross-fit.js';
import type { Design } from './design.js';
import { withoutModels } from './fit.js';
import { lossesByHead } from './head-spread.js';
import { invertSymmetric } from './inverse.js';
import type { Candidate, SearchResult } from './search.js';
import { type FitSubset, meanLoss } from './subset.js';

/**
 * Removes, again and again, the model whose absence raises the quadratic model of the penalised loss least, and lets the others take over
 * what it can give away. The heads are those of the quadratic model, one Newton step from the whole head's.
 */
export async function eliminate(
  kernels: Kernels,
  design: Design,
  base: CrossFit,
  costs: readonly number[],
  onSet: (share: number) => Promise<void>,
): Promise<SearchResult & { readonly fitOf: FitSubset }> {
  const n = costs.length;
  const every = costs.map((_, i) => i);
  const headsOf = (kept: readonly number[]): Float64Array[] => {
    const dropped = every.filter((i) => !kept.includes(i));
    return base.heads.map(({ parameters }) =>
      dropped.length === 0 ? parameters : withoutModels(design, base.preconditioner, parameters, dropped),
    );
  };
  const fitOf: FitSubset = (kept) => {
    const parameters = headsOf(kept);
    const losses = kept.length === n ? base.losses : lossesOf(kernels, design, heldOutLogits(kernels, design, parameters));
    return { losses, byHead: (rows) => lossesByHead(kernels, rows, parameters) };
  };
  const look = (models: readonly number[]): Candidate => ({
    models,
    cost: models.reduce((sum, i) => sum + costs[i], 0),
    loss: meanLoss(design, fitOf(models).losses),
  });
  const seen = [look(every)];
  let inverse: Float64Array = base.preconditioner.inverse.slice();
  let heads = headsOf(every);
  let kept: readonly number[] = every;
  while (kept.length > 1) {
    const costOf = kept.map((i) => raised(design, inverse, heads, i));
    const out = kept[costOf.indexOf(Math.min(...costOf))];
    heads = heads.map((parameters) => withoutModels(design, { ...base.preconditioner, inverse }, parameters, [out]));
    inverse = restrictInverse(design, inverse, out);
    kept = kept.filter((i) => i !== out);
    const losses = lossesOf(kernels, design, heldOutLogits(kernels, design, heads));
    seen.push({ models: kept, cost: kept.reduce((sum, i) => sum + costs[i], 0), loss: meanLoss(design, losses) });
    await onSet(seen.length / n);
  }
  return { seen, bySize: [...seen].reverse(), exact: false, fitOf };
}

/** 1/2 tr(W_i^T (Q_ii)^-1 W_i) over the folds, with Q the inverse: how much the quadratic model rises without model i. */
function raised(design: Design, inverse: Float64Array, heads: readonly Float64Array[], i: number): number {
  const { width, outputs, starts } = design;
  const w = starts[i + 1] - starts[i];
  const block = blockOf(inverse, width, starts[i], w);
  const solved = invertSymmetric(block, w);
  let sum = 0;
  for (const parameters of heads) {
    for (let a = 0; a < w; a++) {
      for (let b = 0; b < w; b++) {
        const factor = solved[a * w + b];
        for (let c = 0; c < outputs; c++)
          sum += factor * parameters[(starts[i] + a) * outputs + c] * parameters[(starts[i] + b) * outputs + c];
      }
    }
  }
  return sum;
}

/** The inverse over the other models: Q - Q_:i (Q_ii)^-1 Q_i:, its rows and columns of model i 0. */
function restrictInverse({ width, starts }: Design, inverse: Float64Array, i: number): Float64Array {
  const w = starts[i + 1] - starts[i];
  const solved = invertSymmetric(blockOf(inverse, width, starts[i], w), w);
  const out = inverse.slice();
  const row = new Float64Array(w);
  for (let r = 0; r < width; r++) {
    row.fill(0);
    for (let a = 0; a < w; a++) for (let b = 0; b < w; b++) row[b] += inverse[r * width + starts[i] + a] * solved[a * w + b];
    for (let b = 0; b < w; b++) {
      const factor = row[b];
      if (factor === 0) continue;
      const from = (starts[i] + b) * width;
      for (let k = 0; k < width; k++) out[r * width + k] -= factor * inverse[from + k];
    }
  }
  for (let a = starts[i]; a < starts[i + 1]; a++) {
    for (let k = 0; k < width; k++) {
      out[a * width + k] = 0;
      out[k * width + a] = 0;
    }
    out[a * width + a] = 1; // stays invertible; its weights are 0
  }
  return out;
}

function blockOf(matrix: Float64Array, width: number, first: number, size: number): Float64Array {
  const block = new Float64Array(size * size);
  for (let a = 0; a < size; a++) for (let b = 0; b < size; b++) block[a * size + b] = matrix[(first + a) * width + first + b];
  return block;
}

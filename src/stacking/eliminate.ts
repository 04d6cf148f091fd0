/** Elimination in very large pools: one model after another by the quadratic model of the loss, each set judged on held-out samples. */
import type { Kernels } from '../backend/index.js';
import { type CrossFit, heldOutLosses } from './cross-fit.js';
import type { Design } from './design.js';
import { withoutModels } from './fit.js';
import { lossesByHead } from './head-spread.js';
import { invertSymmetric } from './inverse.js';
import type { Candidate, SearchResult } from './search.js';
import { type FitSubset, meanLoss, type SubsetFit } from './subset.js';

/** Columns of the product that judges several sets at once. */
const COLUMNS = 120;

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
  const fits = new Map<string, SubsetFit>();
  const seen: Candidate[] = [];
  let waiting: { readonly models: readonly number[]; readonly heads: readonly Float64Array[] }[] = [];
  const judge = (): void => {
    const found = heldOutLosses(
      kernels,
      design,
      waiting.map(({ heads }) => heads),
    );
    waiting.forEach(({ models, heads }, k) => {
      const losses = found[k];
      fits.set(models.join(), { losses, byHead: (rows) => lossesByHead(kernels, rows, heads) });
      seen.push({ models, cost: models.reduce((sum, i) => sum + costs[i], 0), loss: meanLoss(design, losses) });
    });
    waiting = [];
  };
  let inverse = base.preconditioner.inverse;
  let heads: readonly Float64Array[] = base.heads.map(({ parameters }) => parameters);
  let kept: readonly number[] = costs.map((_, i) => i);
  waiting.push({ models: kept, heads });
  while (kept.length > 1) {
    const costOf = kept.map((i) => raised(kernels, design, inverse, heads, i));
    const out = kept[costOf.indexOf(Math.min(...costOf))];
    heads = heads.map((parameters) => withoutModels(kernels, design, { ...base.preconditioner, inverse }, parameters, [out]));
    inverse = restrictInverse(kernels, design, inverse, out);
    kept = kept.filter((i) => i !== out);
    waiting.push({ models: kept, heads });
    if (waiting.length * design.outputs >= COLUMNS) judge();
    await onSet((n - kept.length) / n);
  }
  judge();
  // every set of the result was looked at on the way down
  const fitOf: FitSubset = (models) => fits.get(models.join()) as SubsetFit;
  return { seen, bySize: [...seen].reverse(), exact: false, fitOf };
}

/** 1/2 tr(W_i^T (Q_ii)^-1 W_i) over the folds, with Q the inverse: how much the quadratic model rises without model i. */
function raised(kernels: Kernels, design: Design, inverse: Float64Array, heads: readonly Float64Array[], i: number): number {
  const { width, outputs, starts } = design;
  const w = starts[i + 1] - starts[i];
  const block = blockOf(inverse, width, starts[i], w);
  const solved = invertSymmetric(kernels, block, w);
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
function restrictInverse(kernels: Kernels, { width, starts }: Design, inverse: Float64Array, i: number): Float64Array {
  const w = starts[i + 1] - starts[i];
  const solved = invertSymmetric(kernels, blockOf(inverse, width, starts[i], w), w);
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

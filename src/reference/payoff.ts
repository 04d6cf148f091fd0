/** The empirical loss (14), its gradient (19) and the payoff's gradient (13), (18). H is symmetric, without the factor 1/2. */
import { fma, matVec, treeDot } from '../core/arithmetic/index.js';
import { HESSIAN_STORAGES } from '../core/closed-lists.js';

/** H v for one participant. `data` starts at that participant's Hessian. */
function hessianProduct(data: Float64Array, v: Float64Array, storage: number, rank: number, n: number): Float64Array {
  const kind = HESSIAN_STORAGES[storage];
  if (kind === 'diagonal') return v.map((entry, j) => data[j] * entry);
  if (kind !== 'lowRank') return matVec(data, v, n, n);
  const projected = matVec(data, v, rank, n);
  const out = new Float64Array(n);
  for (let r = 0; r < rank; r++) for (let j = 0; j < n; j++) out[j] = fma(data[r * n + j], projected[r], out[j]);
  return out;
}

/** Whether `count` matrices [n, n] are finite and exactly symmetric. */
export function areSymmetric(matrices: Float64Array, count: number, n: number): boolean {
  for (let m = 0; m < count; m++) {
    for (let i = 0; i < n; i++) {
      for (let j = i; j < n; j++) {
        const entry = matrices[m * n * n + i * n + j];
        if (!Number.isFinite(entry) || entry !== matrices[m * n * n + j * n + i]) return false;
      }
    }
  }
  return true;
}

/** Entries of one participant's Hessian, or 0 where all share one (`own` = 0). */
export function hessianStride(storage: number, rank: number, own: number, n: number): number {
  if (own === 0) return 0;
  const kind = HESSIAN_STORAGES[storage];
  return kind === 'diagonal' ? n : kind === 'lowRank' ? rank * n : n * n;
}

/**
 * loss_i = delta_i^T H_i delta_i with delta = mask - reference, and gradient_ij = dL_i/dw_ij = 2 (H_i delta_i)_j dm_ij/dw_ij.
 * `own` is 1 when every participant has a Hessian of its own.
 */
export function weightGradient(
  gradient: Float64Array,
  loss: Float64Array,
  mask: Float64Array,
  derivative: Float64Array,
  reference: Float64Array,
  data: Float64Array,
  storage: number,
  rank: number,
  own: number,
  n: number,
): void {
  const stride = hessianStride(storage, rank, own, n);
  for (let i = 0; i < n; i++) {
    const delta = new Float64Array(n);
    for (let j = 0; j < n; j++) delta[j] = mask[i * n + j] - reference[i * n + j];
    const pulled = hessianProduct(data.subarray(i * stride), delta, storage, rank, n);
    loss[i] = treeDot(delta, pulled);
    for (let j = 0; j < n; j++) gradient[i * n + j] = 2 * pulled[j] * derivative[i * n + j];
  }
}

/**
 * Through a real head: gradient_j = inner_j dm_j/dw_j with inner_j = sum_b <dL/dF_W[b, j, :], F[b, j, :]>, for one participant.
 * Samples are added in ascending order.
 */
export function headWeightGradient(
  gradient: Float64Array,
  inner: Float64Array,
  inputGradient: Float64Array,
  responses: Float64Array,
  derivativeRow: Float64Array,
  batch: number,
  n: number,
  width: number,
): void {
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let b = 0; b < batch; b++) {
      const at = (b * n + j) * width;
      sum += treeDot(inputGradient, responses, at, at, width);
    }
    inner[j] = sum;
    gradient[j] = sum * derivativeRow[j];
  }
}

/** out_ij = lossFactor dL_i/dw_ij + [i = j] rankFactor s_i / n; a loss that is a cost has a negative factor. */
export function payoffGradient(
  out: Float64Array,
  lossGradient: Float64Array,
  stake: Float64Array,
  lossFactor: number,
  rankFactor: number,
  n: number,
): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) out[i * n + j] = lossFactor * lossGradient[i * n + j];
    out[i * n + i] += rankFactor * (stake[i] / n);
  }
}

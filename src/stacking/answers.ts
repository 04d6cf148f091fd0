/** Answers as features of a head: probabilities and logits become log-probabilities, floors of masked classes are raised. */
import type { Kernels } from '../backend/index.js';
import type { Loss } from '../core/closed-lists.js';
import type { CheckedModel } from './pool.js';

/** How far below the largest of its row an entry may lie: a probability of about 1e-6 beside one of 1. */
export const DEEPEST = 14;

/** Numbers so low that they mean "masked" rather than a measured log-probability. */
const FLOOR = -1e29;

/**
 * Features of a model for some samples, [samples.length, width]; where the model did not answer they mean nothing.
 *
 * probabilities: log p, no more than {@link DEEPEST} below the largest of the row; logits: log softmax, likewise; features: as they are.
 * With binary cross-entropy probabilities become log-odds and logits stay.
 */
export function featuresOf(kernels: Kernels, model: CheckedModel, loss: Loss, samples: Int32Array): Float64Array {
  const { answers, width, answered, kind } = model;
  const count = samples.length;
  const rows = new Float64Array(count * width);
  for (let r = 0; r < count; r++) {
    const sample = samples[r];
    if (answered !== null && answered[sample] === 0) continue;
    for (let c = 0; c < width; c++) rows[r * width + c] = answers[sample * width + c];
  }
  if (kind === 'features' || loss === 'squaredError') return rows;
  if (loss === 'binaryCrossEntropy') return kind === 'probabilities' ? logOdds(kernels, rows) : rows.map(boundedLogit);
  if (kind === 'logits') raiseFloors(rows, width);
  const logs = kind === 'probabilities' ? logarithms(kernels, rows) : logSoftmax(kernels, rows, count, width);
  boundBelow(logs, width);
  return logs;
}

/** Probabilities of exactly 0 become so low a logarithm that the bound below decides. */
function logarithms(kernels: Kernels, rows: Float64Array): Float64Array {
  const out = new Float64Array(rows.length);
  kernels.log(
    out,
    rows.map((p) => Math.max(p, 1e-300)),
  );
  return out;
}

function logOdds(kernels: Kernels, rows: Float64Array): Float64Array {
  const yes = logarithms(kernels, rows);
  const no = logarithms(
    kernels,
    rows.map((p) => 1 - p),
  );
  return yes.map((log, k) => boundedLogit(log - no[k]));
}

function boundedLogit(z: number): number {
  return Math.min(DEEPEST, Math.max(-DEEPEST, z));
}

/** A floor would overflow the sum of exponentials' shift or swamp a mean; it means no more than "far below the largest". */
function raiseFloors(rows: Float64Array, width: number): void {
  for (let at = 0; at < rows.length; at += width) {
    let largest = FLOOR;
    for (let c = 0; c < width; c++) largest = Math.max(largest, rows[at + c]);
    for (let c = 0; c < width; c++) if (rows[at + c] <= FLOOR) rows[at + c] = largest <= FLOOR ? 0 : largest - DEEPEST;
  }
}

function logSoftmax(kernels: Kernels, rows: Float64Array, count: number, width: number): Float64Array {
  const normaliser = new Float64Array(count);
  kernels.logSumExp(normaliser, rows, count, width);
  const logs = new Float64Array(rows.length);
  for (let r = 0; r < count; r++) for (let c = r * width; c < (r + 1) * width; c++) logs[c] = rows[c] - normaliser[r];
  return logs;
}

function boundBelow(logs: Float64Array, width: number): void {
  for (let at = 0; at < logs.length; at += width) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < width; c++) largest = Math.max(largest, logs[at + c]);
    for (let c = 0; c < width; c++) logs[at + c] = Math.max(logs[at + c], largest - DEEPEST);
  }
}

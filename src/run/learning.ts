/** Learning from gradients that others sent: bounded, and undone where it would end the model. */
import type { PeerKey, Tensor } from '../network/index.js';
import type { Participant } from '../participant/participant.js';
import type { Returned } from './gradient-inbox.js';

/** Norms above this are no honest gradient of a loss in nats: only then is a step watched, so that usual rounds cost nothing. */
const WATCHED = 1e3;

/** A gradient with rows `[batch, width]` shortened to this l2 norm; the same tensor when none is longer. */
export function clipped(gradient: Tensor, most: number): Tensor {
  const [batch] = gradient.shape;
  const width = gradient.data.length / batch;
  let data: Float32Array | null = null;
  for (let row = 0; row < batch; row++) {
    const norm = rowNorm(gradient.data, row, width);
    if (norm <= most) continue;
    data ??= gradient.data.slice();
    for (let at = row * width; at < (row + 1) * width; at++) data[at] = gradient.data[at] * (most / norm);
  }
  return data === null ? gradient : { shape: gradient.shape, data };
}

/**
 * Responses in rows of `width` numbers, each shortened to this l2 norm; the same array when none is longer.
 * @param onShortened told of each row that was, by its number
 */
export function bounded(
  responses: Float64Array,
  width: number,
  most = Number.POSITIVE_INFINITY,
  onShortened: (row: number) => void = () => undefined,
): Float64Array {
  let out = responses;
  for (let at = 0; at < responses.length; at += width) {
    const norm = Math.hypot(...responses.subarray(at, at + width));
    if (!(norm > most)) continue;
    if (out === responses) out = responses.slice();
    onShortened(at / width);
    for (let k = at; k < at + width; k++) out[k] = responses[k] * (most / norm);
  }
  return out;
}

/**
 * One step of the encoder. Where a gradient is far beyond any honest one, what it was before is kept, and taken up again if it no longer answers with finite numbers.
 * @returns whether the step was undone
 */
export async function learnSafely(
  participant: Participant,
  inputs: Float32Array,
  gradient: Float32Array,
  batch: number,
  width: number,
): Promise<boolean> {
  const { encoder } = participant;
  if (!(largestNorm(gradient, width) > WATCHED) || encoder.save === undefined || encoder.restore === undefined) {
    await participant.learn(inputs, gradient, batch);
    return false;
  }
  const before = await encoder.save();
  let fails = false;
  try {
    await participant.learn(inputs, gradient, batch);
    fails = (await participant.answer(inputs, batch)).some((value) => !Number.isFinite(value));
  } catch {
    fails = true; // a step that throws has perhaps changed a part of the model: it is undone as well
  }
  if (fails) await encoder.restore(before);
  return fails;
}

/** Senders of the largest gradients. */
export function loudest(taken: ReadonlyMap<PeerKey, readonly Returned[]>): PeerKey[] {
  const norms = [...taken].map(([key, parts]) => [key, Math.max(0, ...parts.map(({ gradient }) => largestOf(gradient)))] as const);
  const most = Math.max(0, ...norms.map(([, norm]) => norm));
  return norms.filter(([, norm]) => norm === most && norm > WATCHED).map(([key]) => key);
}

function largestOf({ shape, data }: Tensor): number {
  return largestNorm(data, data.length / shape[0]);
}

function largestNorm(data: Float32Array, width: number): number {
  let largest = 0;
  for (let row = 0; row * width < data.length; row++) largest = Math.max(largest, rowNorm(data, row, width));
  return largest;
}

function rowNorm(data: Float32Array, row: number, width: number): number {
  let sum = 0;
  for (let at = row * width; at < (row + 1) * width; at++) sum += data[at] * data[at];
  return Number.isNaN(sum) ? Number.POSITIVE_INFINITY : Math.sqrt(sum);
}

/** One array after the other. */
export function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Learning from gradients that others sent: bounded, and undone where it would end the model. */
import type { PeerKey, Tensor } from '../network/index.js';
import type { Participant } from '../participant/participant.js';
import type { Returned } from './gradient-inbox.js';

/** Norms above this are no honest gradient of a loss in nats: only then is a step watched, so that usual rounds cost nothing. */
const WATCHED = 1e3;

/** A gradient with rows `[batch, width]` shortened to this l2 norm; the same tensor when none is longer. */
function clipped(gradient: Tensor, most: number): Tensor {
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

/** What a step needs beside what was returned. */
export interface StepOptions {
  /** Participants in the order of the ledger. */
  readonly keys: readonly PeerKey[];
  /** What the participant returns to itself, in its own place. */
  readonly own: Returned;
  /** Largest l2 norm of a gradient for one sample; longer ones are shortened. */
  readonly most: number;
  readonly width: number;
}

/**
 * One step of the encoder on what all returned. Where it ends the model it is undone and made again without the senders of the largest gradients:
 * what one sends does not take what the others taught.
 *
 * @returns those who sent a gradient that was too long, once for each time it was shortened or left out
 */
export async function learnFromAll(
  participant: Participant,
  returned: ReadonlyMap<PeerKey, readonly Returned[]>,
  { keys, own, most, width }: StepOptions,
): Promise<readonly PeerKey[]> {
  const loud: PeerKey[] = [];
  const left = new Map<PeerKey, readonly Returned[]>();
  for (const [key, parts] of returned) {
    const short = parts.map((one) => ({ ...one, gradient: clipped(one.gradient, most) }));
    if (short.some(({ gradient }, at) => gradient !== parts[at].gradient)) loud.push(key);
    left.set(key, short);
  }
  for (;;) {
    const parts = keys.flatMap((key, peer) => (peer === participant.index ? [own] : (left.get(key) ?? [])));
    const gradient = concat(parts.map((part) => part.gradient.data));
    const undone = await learnSafely(participant, concat(parts.map((part) => part.input.data)), gradient, gradient.length / width, width);
    const out = undone ? loudest(left) : [];
    if (out.length === 0) return loud;
    for (const key of out) left.delete(key);
    loud.push(...out);
  }
}

/**
 * One step of the encoder. Where a gradient is far beyond any honest one, what it was before is kept, and taken up again if it no longer answers with finite numbers.
 * @returns whether the step was undone
 */
async function learnSafely(
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
function loudest(taken: ReadonlyMap<PeerKey, readonly Returned[]>): PeerKey[] {
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
function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Queries among participants in one process: each peer answers all askers at once, and each gets all gradients at once. */
import { setImmediate as nextTick } from 'node:timers/promises';
import { AbortedError } from '../core/errors.js';
import type { Participant, StepLosses } from './participant.js';

/** Most samples in one forward pass; bounds what an engine holds. */
const CHUNK = 1024;

/** Lets timers and signals in, then stops if asked to. */
export async function breathe(signal: AbortSignal | undefined, what: string): Promise<void> {
  await nextTick();
  if (signal?.aborted) throw new AbortedError(what);
}

/**
 * Everybody's responses to a batch.
 * @param inputs `[samples, pixels]`
 * @returns F `[samples, peers, width]`
 */
export async function askAll(
  participants: readonly Participant[],
  inputs: Float32Array,
  samples: number,
  width: number,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const peers = participants.length;
  const pixels = inputs.length / samples;
  const responses = new Float64Array(samples * peers * width);
  for (let from = 0; from < samples; from += CHUNK) {
    const size = Math.min(CHUNK, samples - from);
    const part = inputs.subarray(from * pixels, (from + size) * pixels);
    for (const [peer, participant] of participants.entries()) {
      await breathe(signal, 'asking peers');
      const answer = await participant.answer(part, size);
      for (let s = 0; s < size; s++) {
        const at = ((from + s) * peers + peer) * width;
        for (let m = 0; m < width; m++) responses[at + m] = answer[s * width + m];
      }
    }
  }
  return responses;
}

/**
 * One training round, steps 2 and 3 of section 1.6 for everybody: all batches go out, all responses and all gradients come back.
 * @param batch samples per asker
 * @param mask the competition mask `[askers, peers]`
 */
export async function trainRound(
  participants: readonly Participant[],
  batch: number,
  mask: Float64Array,
  width: number,
  signal?: AbortSignal,
): Promise<StepLosses[]> {
  const peers = participants.length;
  const batches = participants.map((participant) => participant.nextBatch(batch));
  const pixels = batches[0].inputs.length / batch;
  const inputs = new Float32Array(peers * batch * pixels);
  for (const [asker, own] of batches.entries()) inputs.set(own.inputs, asker * batch * pixels);
  const responses = await askAll(participants, inputs, peers * batch, width, signal);
  const gradients = participants.map(() => new Float32Array(peers * batch * width));
  const losses: StepLosses[] = [];
  const block = batch * peers * width;
  for (const [asker, participant] of participants.entries()) {
    const received = responses.slice(asker * block, (asker + 1) * block);
    const step = await participant.receive(batches[asker], received, mask.slice(asker * peers, (asker + 1) * peers));
    losses.push(step.losses);
    for (let s = 0; s < batch; s++) {
      for (let peer = 0; peer < peers; peer++) {
        const from = (s * peers + peer) * width;
        gradients[peer].set(step.gradient.subarray(from, from + width), (asker * batch + s) * width);
      }
    }
  }
  for (const [peer, participant] of participants.entries()) {
    await breathe(signal, 'training');
    await participant.learn(inputs, gradients[peer], peers * batch);
  }
  return losses;
}

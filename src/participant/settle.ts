/** Brings heads close to a minimum with the encoders held fixed: the measure drops the linear term, which vanishes only there. */
import { permutation } from './draw.js';
import type { TrainableHead } from './head.js';

/** Responses that no longer change, and how long to train on them. */
export interface SettleOptions {
  /** F_W `[samples, peers, width]`. */
  readonly responses: Float64Array;
  readonly labels: Int32Array;
  readonly steps: number;
  readonly batch: number;
  readonly seed: number;
  readonly stream: readonly number[];
}

/** Mini-batch steps whose size falls linearly from twice the head's rate to zero. Returns the mean loss of the last tenth. */
export function settleHead(head: TrainableHead, options: SettleOptions): number {
  const { responses, labels, steps, seed, stream } = options;
  const samples = labels.length;
  const batch = Math.min(options.batch, samples);
  const block = responses.length / samples;
  const inputs = new Float64Array(batch * block);
  const targets = new Int32Array(batch);
  let order = permutation(seed, [...stream, 0], samples);
  let position = 0;
  let epoch = 0;
  let total = 0;
  const last = Math.max(1, Math.floor(steps / 10));
  for (let step = 0; step < steps; step++) {
    for (let row = 0; row < batch; row++) {
      if (position === samples) {
        order = permutation(seed, [...stream, ++epoch], samples);
        position = 0;
      }
      const sample = order[position++];
      inputs.set(responses.subarray(sample * block, (sample + 1) * block), row * block);
      targets[row] = labels[sample];
    }
    const { loss } = head.learn(inputs, targets, batch, 2 * (1 - step / steps));
    if (step >= steps - last) total += loss;
  }
  return total / last;
}

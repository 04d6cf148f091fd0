/** Brings heads close to a minimum with the encoders held fixed: the measure drops the linear term, which vanishes only there. */

import { permutation } from './draw.js';
import type { DenseNet } from './models/dense-net.js';
import { pickRows, pickTargets, type Samples } from './samples.js';

/** Responses that no longer change, and how long to train on them. */
export interface RefitOptions {
  /** What the responses belong to. */
  readonly samples: Samples;
  /** F_W `[samples, peers, width]`. */
  readonly responses: Float64Array;
  readonly steps: number;
  readonly batch: number;
  readonly seed: number;
  readonly stream: readonly number[];
}

/** Mini-batch steps whose size falls linearly from twice the head's rate to zero. Returns the mean loss of the last tenth. */
export function refitHead(head: DenseNet, options: RefitOptions): number {
  const { responses, samples, steps, seed, stream } = options;
  const rows = new Uint32Array(Math.min(options.batch, samples.size));
  let order = permutation(seed, [...stream, 0], samples.size);
  let position = 0;
  let epoch = 0;
  let total = 0;
  const last = Math.max(1, Math.floor(steps / 10));
  for (let step = 0; step < steps; step++) {
    for (let row = 0; row < rows.length; row++) {
      if (position === samples.size) {
        order = permutation(seed, [...stream, ++epoch], samples.size);
        position = 0;
      }
      rows[row] = order[position++];
    }
    const inputs = pickRows(responses, samples.size, rows);
    const { loss } = head.learnTargets(inputs, pickTargets(samples.targets, samples.size, rows), rows.length, 2 * (1 - step / steps));
    if (step >= steps - last) total += loss;
  }
  return total / last;
}

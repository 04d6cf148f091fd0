/** The random numbers behind the Monte-Carlo Fisher estimator, named by (seed, sample, draw). */

import type { Loss } from './core/closed-lists.js';
import { RandomStream } from './core/random.js';

/**
 * [samples, draws, 1] uniform numbers for 'softmaxCrossEntropy', [samples, draws, outputs] for 'binaryCrossEntropy',
 * and as many standard normal ones for 'squaredError'.
 */
export function drawNoise(loss: Loss, seed: number, firstSample: number, samples: number, draws: number, outputs: number): Float64Array {
  const perDraw = loss === 'softmaxCrossEntropy' ? 1 : outputs;
  const noise = new Float64Array(samples * draws * perDraw);
  let at = 0;
  for (let sample = 0; sample < samples; sample++) {
    for (let draw = 0; draw < draws; draw++) {
      const stream = new RandomStream(seed, firstSample + sample, draw);
      for (let c = 0; c < perDraw; c++) noise[at++] = loss === 'squaredError' ? stream.normal() : stream.uniform();
    }
  }
  return noise;
}

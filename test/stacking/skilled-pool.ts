/** Models with one skill each: a unit normal logit for each class, plus the skill on the right one. */
import { RandomStream } from '../../src/core/random.js';

/** A pool of them, `[samples, classes]` each; everything follows from the seed. */
export function skilledPool(samples: number, classes: number, skills: readonly number[], seed: number) {
  const stream = new RandomStream(20261128, seed);
  const labels = Int32Array.from({ length: samples }, () => stream.integer(classes));
  const models = skills.map((skill, i) => ({
    name: `m${i}`,
    answers: Float64Array.from(
      { length: samples * classes },
      (_, k) => stream.normal() + (k % classes === labels[Math.floor(k / classes)] ? skill : 0),
    ),
  }));
  return { labels, models };
}

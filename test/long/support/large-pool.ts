/** The pool of models that speed is measured on. */
import { RandomStream } from '../../../src/core/random.js';

/** Logits of `count` models of rising skill, `[samples, classes]` each; four tenths of each one's noise are common. */
export function largePool(count: number, samples: number, classes: number) {
  const stream = new RandomStream(20261128, count, samples);
  const labels = Int32Array.from({ length: samples }, () => stream.integer(classes));
  const common = Float32Array.from({ length: samples * classes }, () => 0.4 * stream.normal());
  const models = Array.from({ length: count }, (_, i) => ({
    name: `m${i}`,
    answers: common.map((z, k) => z + stream.normal() + (k % classes === labels[Math.floor(k / classes)] ? (2 * i) / count : 0)),
  }));
  return { models, labels, classes };
}

/** Random games for the tests of the solver. */
import { RandomStream } from '../../src/core/random.js';
import type { Hessian } from '../../src/curvature.js';
import type { GameOptions } from '../../src/equilibrium/index.js';

/** A Wishart Hessian for each participant, A A^T / n. */
export function wishart(stream: RandomStream, n: number): Hessian {
  const data = new Float64Array(n * n * n);
  for (let i = 0; i < n; i++) {
    const a = Float64Array.from({ length: n * n }, () => stream.normal());
    for (let j = 0; j < n; j++) {
      for (let k = j; k < n; k++) {
        let sum = 0;
        for (let r = 0; r < n; r++) sum += a[j * n + r] * a[k * n + r];
        data[(i * n + j) * n + k] = data[(i * n + k) * n + j] = sum / n;
      }
    }
  }
  return { kind: 'dense', data };
}

/** Uniform weights, rows divided by their sums. */
export function uniformRows(stream: RandomStream, n: number): Float64Array {
  const out = Float64Array.from({ length: n * n }, () => stream.uniform() + 1e-6);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += out[i * n + j];
    for (let j = 0; j < n; j++) out[i * n + j] /= sum;
  }
  return out;
}

/** A game of the paper's kind. */
export function randomGame(seed: number, trial: number, n: number, terms: Partial<GameOptions> = {}): GameOptions {
  const stream = new RandomStream(seed, trial, n);
  const hessian = wishart(stream, n);
  return { n, hessian, initialWeights: uniformRows(stream, n), temperature: 5, alpha: 25, tau: 1, ...terms };
}

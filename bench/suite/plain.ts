/** The same workloads in plain JavaScript loops: what a caller has without native code. */
import type { GameOptions } from '../../src/equilibrium/index.js';
import { type Contender, inProcess, inSteps } from './contender.js';

interface DrawnGame extends GameOptions {
  readonly initialWeights: Float64Array;
  readonly hessian: { readonly kind: 'dense' | 'shared' | 'lowRank'; readonly data: Float64Array };
}

/** Dense games, one after the other, with the exact projection. */
export function plainGame(games: readonly DrawnGame[], { rate, checked }: { rate: number; checked: number }): Contender {
  const run = async (steps: number) => {
    const out = games.map((game) => {
      const weights = game.initialWeights.slice();
      for (let k = 0; k < steps; k++) plainStep(game, weights, rate);
      return weights;
    });
    return out.length === 1 ? out[0] : Float64Array.from(out.flatMap((weights) => [...weights]));
  };
  return { ...inSteps('plain JavaScript f64', 1, run, checked, { tolerance: 1e-9 }), own: false };
}

function plainStep({ n, hessian, temperature, alpha }: DrawnGame, weights: Float64Array, rate: number): void {
  const h = hessian.data;
  const scale = (-2 * alpha * (1 - 1 / n)) / temperature;
  const shift = new Float64Array(n);
  const mask = new Float64Array(n);
  const pulled = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) shift[j] += weights[i * n + j] / n;
  for (let i = 0; i < n; i++) {
    const row = weights.subarray(i * n, (i + 1) * n);
    for (let j = 0; j < n; j++) mask[j] = 1 / (1 + Math.exp(-(row[j] - shift[j]) / temperature));
    pulled.fill(0);
    for (let k = 0; k < n; k++) {
      const factor = mask[k] - 1;
      const from = (i * n + k) * n;
      for (let j = 0; j < n; j++) pulled[j] += h[from + j] * factor;
    }
    for (let j = 0; j < n; j++) row[j] += rate * (scale * pulled[j] * mask[j] * (1 - mask[j]) + (i === j ? 1 / n : 0));
    plainProject(row);
  }
}

/** Michelot's rule. */
function plainProject(row: Float64Array): void {
  const n = row.length;
  let kept = n;
  let threshold = (row.reduce((a, b) => a + b, 0) - 1) / n;
  for (;;) {
    let sum = 0;
    let left = 0;
    for (let j = 0; j < n; j++) {
      if (row[j] <= threshold) continue;
      sum += row[j];
      left++;
    }
    threshold = (sum - 1) / left;
    if (left >= kept) break;
    kept = left;
  }
  for (let j = 0; j < n; j++) row[j] = Math.max(row[j] - threshold, 0);
}

export interface LinearProblem {
  readonly weights: Float64Array; // [outputs, peers * width]
  readonly bias: Float64Array;
  readonly responses: Float64Array;
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
  readonly outputs: number;
}

/** Gauss-Newton scores of a linear head, one sample at a time. */
export function plainRemoval(problem: LinearProblem): Contender {
  const { weights, bias, responses, batch, peers, width, outputs } = problem;
  const parts = new Float64Array(peers * outputs);
  const z = new Float64Array(outputs);
  const call = () => {
    const scores = new Float64Array(peers);
    for (let b = 0; b < batch; b++) {
      z.set(bias);
      for (let i = 0; i < peers; i++) {
        for (let c = 0; c < outputs; c++) {
          let sum = 0;
          const from = (c * peers + i) * width;
          const at = (b * peers + i) * width;
          for (let k = 0; k < width; k++) sum += weights[from + k] * responses[at + k];
          parts[i * outputs + c] = sum;
          z[c] += sum;
        }
      }
      const largest = z.reduce((a, x) => Math.max(a, x), Number.NEGATIVE_INFINITY);
      let total = 0;
      for (let c = 0; c < outputs; c++) total += z[c] = Math.exp(z[c] - largest);
      for (let i = 0; i < peers; i++) {
        let mean = 0;
        for (let c = 0; c < outputs; c++) mean += (z[c] / total) * parts[i * outputs + c];
        for (let c = 0; c < outputs; c++) scores[i] += (z[c] / total) * (parts[i * outputs + c] - mean) ** 2;
      }
    }
    return scores;
  };
  return inProcess('plain JavaScript f64', 1, call, { own: false, tolerance: 1e-11 });
}

/** A bounded step of every row, ranking, inflation, where no weight leaves the simplex. */
export function plainEpoch(weights: Float64Array, steps: Float64Array, stake: Float64Array, epsilon: number, tau: number): Contender {
  const n = stake.length;
  const moved = new Float64Array(n * n);
  const call = () => {
    const ranking = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      let mean = 0;
      for (let j = 0; j < n; j++) mean += steps[i * n + j];
      mean /= n;
      let square = 0;
      for (let j = 0; j < n; j++) square += (steps[i * n + j] - mean) ** 2;
      const share = Math.min(1, epsilon / Math.sqrt(square));
      for (let j = 0; j < n; j++) {
        moved[i * n + j] = Math.max(weights[i * n + j] + share * (steps[i * n + j] - mean), 0);
        ranking[j] += (stake[i] * moved[i * n + j]) / n;
      }
    }
    const norm = Math.sqrt(ranking.reduce((sum, x) => sum + x * x, 0));
    const paid = stake.map((s, j) => s + (tau * ranking[j]) / norm);
    return epochAnswer(paid, moved, n);
  };
  return inProcess('plain JavaScript f64', 1, call, { own: false, tolerance: 1e-9 });
}

/** What is compared of an epoch: the stake after it, the first row and the last. */
export function epochAnswer(paid: Float64Array, moved: Float64Array, n: number): Float64Array {
  const out = new Float64Array(3 * n);
  out.set(paid);
  out.set(moved.subarray(0, n), n);
  out.set(moved.subarray(n * n - n), 2 * n);
  return out;
}

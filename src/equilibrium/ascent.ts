/** Projected ascent on an objective over rows of the simplex: spectral step lengths, and a line search that never accepts a loss. */
import { projectSimplex } from '../reference/projection.js';
import type { Objective } from './objective.js';

const SMALLEST_GAIN = 1e-14;
const [LEAST_RATE, LARGEST_RATE] = [1e-6, 1e8];
const MOST_HALVINGS = 60;

/** Where an ascent ended. */
export interface Summit {
  readonly weights: Float64Array;
  readonly value: number;
}

/** Climbs from `start` [rows, n] by up to `steps` steps; ends where the first-order gain is rounding. */
export function ascend(objective: Objective, start: Float64Array, steps: number): Summit {
  let weights = start.slice();
  let { value, gradient } = objective.at(weights);
  let rate = 1;
  for (let step = 0; step < steps; step++) {
    const next = climb(objective, weights, value, gradient, rate);
    if (next === undefined) break;
    rate = spectralRate(weights, next.weights, gradient, next.gradient, next.rate);
    ({ weights, value, gradient } = next);
  }
  return { weights, value };
}

/** One step that pays (Armijo), or undefined where none does. */
function climb(objective: Objective, weights: Float64Array, value: number, gradient: Float64Array, first: number) {
  for (let halving = 0, rate = first; halving < MOST_HALVINGS; halving++, rate /= 4) {
    const next = weights.map((w, k) => w + rate * gradient[k]);
    projectSimplex(next, next, 0, objective.rows, objective.n);
    const gain = gradient.reduce((sum, g, k) => sum + g * (next[k] - weights[k]), 0);
    if (gain <= SMALLEST_GAIN * Math.abs(value)) return undefined;
    const reached = objective.at(next);
    if (reached.value >= value + 1e-4 * gain) return { weights: next, ...reached, rate };
  }
  return undefined;
}

/** Barzilai and Borwein's length where the objective curves down along the step, else twice the last. */
function spectralRate(from: Float64Array, to: Float64Array, before: Float64Array, after: Float64Array, rate: number): number {
  let ss = 0;
  let sy = 0;
  for (let k = 0; k < from.length; k++) {
    const s = to[k] - from[k];
    ss += s * s;
    sy += s * (before[k] - after[k]);
  }
  return sy > 0 ? Math.min(Math.max(ss / sy, LEAST_RATE), LARGEST_RATE) : rate * 2;
}

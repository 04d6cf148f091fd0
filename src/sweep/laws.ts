/** Named laws of the random parts of a game: Hessians, stake and first weights. Each draw has a stream of its own. */
import { RandomStream } from '../core/random.js';
import type { Hessian } from '../curvature.js';

/**
 * Laws of the Hessians H_i, one for each participant. Their place in this list names their stream: append only.
 * - wishart: H_i = A A^T / n, A [n, n] standard normal.
 * - wishart-quality: H_i = D A A^T D / n with D = diag(sqrt q), q uniform in (0, 1) and the same for all raters: some peers are better.
 * - diagonal-uniform: H_i = diag(u), u uniform in (0, 1).
 */
export const HESSIAN_LAWS = ['wishart', 'wishart-quality', 'diagonal-uniform'] as const;
export type HessianLaw = (typeof HESSIAN_LAWS)[number];

/** Laws of the stake: one each, or uniform in (0, 1) scaled to a mean of one. */
export const STAKE_LAWS = ['equal', 'uniform'] as const;
export type StakeLaw = (typeof STAKE_LAWS)[number];

/** Laws of W0: uniform entries divided by their row's sum (the paper's "random uniform"), 1/n throughout, or the identity. */
export const INITIAL_LAWS = ['uniform', 'equal', 'identity'] as const;
export type InitialLaw = (typeof INITIAL_LAWS)[number];

/** What a stream is drawn for; the numbers name streams, so they never change. */
const PURPOSE = { hessian: 0, stake: 1, initial: 2 } as const;

/** Names a draw: the same name gives the same numbers on every machine, in any order, alone or in company. */
export interface DrawName {
  readonly seed: number;
  readonly trial: number;
  readonly n: number;
}

function streamOf(name: DrawName, purpose: keyof typeof PURPOSE, law: number): RandomStream {
  return new RandomStream(name.seed, name.trial, name.n, PURPOSE[purpose], law);
}

/** The Hessians of one trial, in the storage that fits their law. */
export function drawHessian(law: HessianLaw, name: DrawName): Hessian {
  const { n } = name;
  const random = streamOf(name, 'hessian', HESSIAN_LAWS.indexOf(law));
  if (law === 'diagonal-uniform') return { kind: 'diagonal', data: fill(n * n, () => random.uniform()) };
  const root = law === 'wishart' ? new Float64Array(n).fill(1) : fill(n, () => Math.sqrt(random.uniform()));
  const data = new Float64Array(n * n * n);
  for (let rater = 0; rater < n; rater++) {
    const factor = fill(n * n, () => random.normal());
    gramInto(data, rater * n * n, factor, root, n);
  }
  return { kind: 'dense', data };
}

/** out[at..] = D A A^T D / n, both halves from one computation so that it is symmetric to the bit. */
function gramInto(out: Float64Array, at: number, factor: Float64Array, root: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += factor[i * n + k]! * factor[j * n + k]!;
      const value = (root[i]! * root[j]! * sum) / n;
      out[at + i * n + j] = value;
      out[at + j * n + i] = value;
    }
  }
}

/** The stake of one trial [n]. */
export function drawStake(law: StakeLaw, name: DrawName): Float64Array {
  if (law === 'equal') return new Float64Array(name.n).fill(1);
  const random = streamOf(name, 'stake', STAKE_LAWS.indexOf(law));
  const drawn = fill(name.n, () => random.uniform());
  const total = drawn.reduce((sum, value) => sum + value, 0);
  return drawn.map((value) => (value * name.n) / total);
}

/** The first weights of one trial [n, n], rows on the simplex. */
export function drawInitial(law: InitialLaw, name: DrawName): Float64Array {
  const { n } = name;
  if (law === 'equal') return new Float64Array(n * n).fill(1 / n);
  if (law === 'identity') return Float64Array.from({ length: n * n }, (_, index) => Number(index % (n + 1) === 0));
  const random = streamOf(name, 'initial', INITIAL_LAWS.indexOf(law));
  const weights = fill(n * n, () => random.uniform());
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let column = 0; column < n; column++) sum += weights[row * n + column]!;
    for (let column = 0; column < n; column++) weights[row * n + column]! /= sum;
  }
  return weights;
}

/** The ideal ranking (2) of the empirical model: R_j = (1/n) sum_i (H_i)_jj, what removing peer j alone costs on average. */
export function idealRankingOf(hessian: Hessian, n: number): Float64Array {
  const ranking = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += hessian.kind === 'diagonal' ? hessian.data[i * n + j]! : hessian.data[(i * n + j) * n + j]!;
    ranking[j] = sum / n;
  }
  return ranking;
}

function fill(length: number, draw: () => number): Float64Array {
  const out = new Float64Array(length);
  for (let index = 0; index < length; index++) out[index] = draw();
  return out;
}

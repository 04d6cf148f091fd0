/** W4: an epoch of the ledger in floating point: a bounded step of every row, the network's ranking, inflation. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { stepEpoch } from '../../src/index.js';
import type { BenchCase } from './case.js';
import { type Contender, inProcess, openRival } from './contender.js';
import { epochAnswer, plainEpoch } from './plain.js';

const SEED = 7;
const TAU = 1000;

interface Problem {
  readonly weights: Float64Array;
  readonly steps: Float64Array;
  readonly stake: Float64Array;
  readonly epsilon: number;
}

/** Weights far enough from 0 that no step reaches it, so that every form of the step gives the same answer. */
function drawProblem(n: number): Problem {
  const stream = new RandomStream(SEED, n);
  const weights = Float64Array.from({ length: n * n }, () => 1 + 0.5 * stream.uniform());
  for (let i = 0; i < n; i++) {
    const row = weights.subarray(i * n, (i + 1) * n);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let j = 0; j < n; j++) row[j] /= sum;
  }
  const steps = Float64Array.from({ length: n * n }, () => (stream.uniform() - 0.5) / n);
  const stake = Float64Array.from({ length: n }, () => 1 + 99 * stream.uniform());
  return { weights, steps, stake, epsilon: 0.1 / Math.sqrt(n) };
}

function ownEpoch({ weights, steps, stake, epsilon }: Problem, threads: number): Contender {
  const n = stake.length;
  const backend = createBackend({ kind: 'native', threads });
  const out = new Float64Array(n * n);
  return inProcess('intermodel f64', threads, () => {
    const after = stepEpoch({ weights, steps, epsilon, stake, tau: TAU, n, out, backend });
    return epochAnswer(after.stake, after.weights, n);
  });
}

function epochCase(n: number, plain: boolean): BenchCase {
  return {
    workload: 'W4',
    name: `epoch of n=${n}`,
    repeat: 'epoch',
    bytes: 24 * n * n, // weights and steps read, weights written
    curve: { name: 'W4, by n', size: n },
    async open(plan) {
      const problem = drawProblem(n);
      const { weights, steps, stake, epsilon } = problem;
      const contenders = plan.threads.map((threads) => ownEpoch(problem, threads));
      if (plain) contenders.push(plainEpoch(weights, steps, stake, epsilon, TAU));
      if (plan.python === '') return contenders;
      const file = join(plan.folder, 'epoch.f64');
      writeFileSync(file, Buffer.concat([weights, steps, stake].map((part) => Buffer.from(part.buffer))));
      for (const threads of plan.threads) {
        for (const library of ['numpy', 'torch', 'jax', 'numba'] as const) {
          if (library === 'numba' && threads > 1) continue; // one loop, which it does not share out
          const load = { workload: 'epoch', file, n, epsilon, tau: TAU };
          const rival = await openRival(plan.python, { library, precision: 'f64', threads, tolerance: 1e-9, problem: load });
          if (rival !== null) contenders.push(rival);
        }
      }
      return contenders;
    },
  };
}

export function epochCases(smoke: boolean): BenchCase[] {
  return smoke ? [epochCase(64, true), epochCase(128, false)] : [256, 1024, 4096].map((n) => epochCase(n, n <= 1024));
}

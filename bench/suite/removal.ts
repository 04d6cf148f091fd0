/** W3: Gauss-Newton removal scores of a linear head, softmax cross-entropy, summed over the batch. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { type Head, removalScores } from '../../src/index.js';
import type { BenchCase, Plan } from './case.js';
import { type Contender, inProcess, openRival } from './contender.js';
import { type LinearProblem, plainRemoval } from './plain.js';
import { tfjsRemoval } from './tfjs.js';

const SEED = 20261128;

type Shape = readonly [batch: number, peers: number, width: number, outputs: number];

interface Problem extends LinearProblem {
  readonly head: Head;
  readonly single: Head;
  readonly rounded: Float32Array;
}

/** The same numbers in both precisions, so that answers can be compared. */
function drawProblem([batch, peers, width, outputs]: Shape): Problem {
  const stream = new RandomStream(SEED, batch, outputs);
  const scale = 1 / Math.sqrt(peers * width);
  const numbers = (length: number, by: number) => Float32Array.from({ length }, () => by * (2 * stream.uniform() - 1));
  const weights = numbers(outputs * peers * width, 3 * scale);
  const bias = numbers(outputs, 0.3);
  const rounded = numbers(batch * peers * width, 2);
  const activation = 'identity';
  const wide = { weights: Float64Array.from(weights), bias: Float64Array.from(bias) };
  return {
    ...wide,
    head: { layers: [{ ...wide, activation }] },
    single: { layers: [{ weights, bias, activation }] },
    responses: Float64Array.from(rounded),
    rounded,
    batch,
    peers,
    width,
    outputs,
  };
}

function ownCalls({ head, single, responses, rounded, batch, peers, width }: Problem, threads: number): Contender[] {
  const backend = createBackend({ kind: 'native', threads });
  const sizes = { batch, peers, width, estimator: 'gaussNewton', backend } as const;
  return [
    inProcess('intermodel f64', threads, () => removalScores({ ...sizes, head, responses }).scores),
    inProcess('intermodel f64, f32 input', threads, () => removalScores({ ...sizes, head: single, responses: rounded }).scores),
    inProcess('intermodel f32', threads, () => removalScores({ ...sizes, head: single, responses: rounded, precision: 'f32' }).scores, {
      tolerance: 1e-4,
    }),
  ];
}

function removalCase(shape: Shape, more: { readonly js?: boolean; readonly curve?: boolean } = {}): BenchCase {
  const [batch, peers, width, outputs] = shape;
  return {
    workload: 'W3',
    name: `B=${batch}, n=${peers}, d=${width}, C=${outputs}`,
    repeat: 'call',
    flops: 2 * batch * peers * width * outputs,
    bytes: 8 * (batch + outputs) * peers * width,
    ...(more.curve === true ? { curve: { name: 'W3, n=8, d=64, C=10, by B', size: batch } } : {}),
    async open(plan: Plan) {
      const problem = drawProblem(shape);
      const contenders = plan.threads.flatMap((threads) => ownCalls(problem, threads));
      if (more.js === true) contenders.push(plainRemoval(problem), await tfjsRemoval(problem));
      if (plan.python === '') return contenders;
      const file = join(plan.folder, 'removal.f64');
      const parts = [problem.weights, problem.bias, problem.responses];
      writeFileSync(file, Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))));
      const description = { workload: 'removal', file, batch, peers, width, outputs };
      for (const threads of plan.threads) {
        for (const library of ['numpy', 'torch', 'jax'] as const) {
          for (const precision of ['f64', 'f32'] as const) {
            const tolerance = precision === 'f64' ? 1e-11 : outputs > 10_000 ? 1e-2 : 1e-3; // a softmax of so many classes
            const rival = await openRival(plan.python, { library, precision, threads, tolerance, problem: description });
            if (rival !== null) contenders.push(rival);
          }
        }
      }
      return contenders;
    },
  };
}

export function removalCases(smoke: boolean): BenchCase[] {
  if (smoke) return [removalCase([64, 8, 64, 10], { js: true, curve: true }), removalCase([4, 8, 64, 1000])];
  return [
    removalCase([256, 8, 64, 10], { js: true, curve: true }),
    removalCase([1024, 8, 64, 10], { curve: true }),
    removalCase([4096, 8, 64, 10], { js: true, curve: true }),
    removalCase([4096, 64, 64, 10]),
    removalCase([1024, 8, 64, 1000]),
    removalCase([512, 64, 64, 1000]),
    removalCase([1024, 64, 512, 100]),
    removalCase([64, 8, 64, 32_000]),
  ];
}

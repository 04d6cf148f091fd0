/**
 * Hashes of the results of every f64 kernel over sizes, on one instruction set and number of threads: the same before and after a change
 * that is meant to keep every bit.
 *   node lib/bench/hashes.js [isa, default the best] [threads, default 2]
 */
import { createHash } from 'node:crypto';
import { createBackend } from '../src/backend/index.js';
import { SAMPLE_ESTIMATORS } from '../src/core/closed-lists.js';
import { RandomStream } from '../src/core/random.js';
import * as product from '../src/index.js';

const [isa, threads = '2'] = process.argv.slice(2);
const backend = createBackend({ kind: 'native', threads: Number(threads), ...(isa === undefined ? {} : { isa }) });
const random = new RandomStream(20261128);
const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
const uniforms = (length: number) => Float64Array.from({ length }, () => random.uniform());
const total = createHash('sha256');

function print(name: string, ...arrays: readonly (Float64Array | null)[]): void {
  const hash = createHash('sha256');
  for (const array of arrays) if (array !== null) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  const text = hash.digest('hex').slice(0, 16);
  total.update(text);
  process.stdout.write(`${text}  ${name}\n`);
}

const ACTIVATIONS = ['relu', 'tanh', 'gelu', 'sigmoid'] as const;

function head(inputs: number, hidden: number, outputs: number, which: number): product.Head {
  const widths = hidden === 0 ? [inputs, outputs] : [inputs, hidden, outputs];
  const layers = widths.slice(1).map((to, l) => ({
    weights: normals(to * widths[l]).map((x) => x / Math.sqrt(widths[l])),
    bias: normals(to),
    activation: l === widths.length - 2 ? ('identity' as const) : ACTIVATIONS[which % 4],
  }));
  return { layers };
}

const HEADS = [
  [3, 2, 1, 0, 2],
  [33, 5, 7, 0, 10],
  [70, 8, 64, 0, 10],
  [65, 9, 16, 12, 11],
  [40, 3, 130, 0, 300],
  [17, 12, 5, 33, 26],
  [9, 4, 8, 0, 1000],
  [300, 6, 3, 4, 3],
] as const;

HEADS.forEach(([batch, peers, width, hidden, outputs], which) => {
  const over = { head: head(peers * width, hidden, outputs, which), batch, peers, width, backend };
  const responses = normals(batch * peers * width);
  const rounded = Float32Array.from(responses);
  const labels = Int32Array.from({ length: batch }, () => Math.floor(outputs * random.uniform()));
  const soft = uniforms(batch * outputs);
  const name = `B=${batch} n=${peers} d=${width} h=${hidden} C=${outputs}`;
  for (const estimator of SAMPLE_ESTIMATORS) {
    const scores = product.removalScores({ ...over, responses, labels, estimator, reduction: 'none', draws: 3 });
    print(`removalScores ${estimator} ${name}`, scores.scores, scores.linearShare);
  }
  for (const loss of ['binaryCrossEntropy', 'squaredError'] as const) {
    const scores = product.removalScores({ ...over, responses, targets: soft, loss, estimator: 'ablation' });
    print(`removalScores ablation ${loss} ${name}`, scores.scores, scores.linearShare);
  }
  print(`removalScores, f32 input ${name}`, product.removalScores({ ...over, responses: rounded }).scores);
  const { gram, factor } = product.peerGram({ ...over, responses, factor: 'stacked' });
  print(`peerGram ${name}`, gram, factor);
  print(`headForward ${name}`, product.headForward({ ...over, responses }));
  const gradient = product.headGradient({ ...over, responses, labels });
  print(`headGradient ${name}`, gradient.logits, gradient.responses, ...gradient.layers.flatMap((layer) => [layer.weights, layer.bias]));
});

const onSimplex = (n: number) => product.projectSimplex({ rows: normals(n * n).map((x) => x / n + 1 / n), n, backend });

for (const n of [1, 2, 5, 16, 33, 100, 257]) {
  const weights = onSimplex(n);
  const stake = uniforms(n).map((x) => 1 + 9 * x);
  const steps = normals(n * n).map((x) => x / n);
  print(`projectSimplex n=${n}`, weights);
  print(`projectBoundedStep n=${n}`, product.projectBoundedStep({ rows: weights, steps, epsilon: 0.01, n, backend }));
  print(`projectBoundedStep, wide n=${n}`, product.projectBoundedStep({ rows: weights, steps, epsilon: 10, n, backend }));
  const { gap, natural, regret } = product.residuals({ weights, gradient: steps, epsilon: 0.1, n, backend });
  print(`residuals n=${n}`, gap, natural, regret);
  const ranking = product.networkRanking({ weights, stake, n, backend });
  print(`networkRanking n=${n}`, ranking);
  print(`interRanking n=${n}`, product.interRanking({ scores: uniforms(n * n), n, backend }));
  for (const norm of ['l1', 'l2', 'none'] as const) {
    print(`inflate ${norm} n=${n}`, product.inflate({ stake, ranking, tau: 3, norm, backend }).stake);
    print(`rankGradient ${norm} n=${n}`, product.rankGradient({ weights, stake, norm, n, backend }));
  }
  const { mask, derivative } = product.competitionMask({ weights, stake, temperature: 2, n, backend });
  print(`competitionMask n=${n}`, mask, derivative);
}

/** A^T A of each factor [rows, n]. */
function squares(factors: Float64Array, count: number, rows: number, n: number): Float64Array {
  const out = new Float64Array(count * n * n);
  for (let m = 0; m < count; m++)
    for (let j = 0; j < n; j++)
      for (let k = j; k < n; k++) {
        let sum = 0;
        for (let r = 0; r < rows; r++) sum += factors[(m * rows + r) * n + j] * factors[(m * rows + r) * n + k];
        out[(m * n + j) * n + k] = out[(m * n + k) * n + j] = sum;
      }
  return out;
}

const METHODS = [{ kind: 'projectedGradient', rate: 0.005 }, { kind: 'spectral' }, { kind: 'softmax', rate: 0.1 }] as const;

for (const [n, trials, steps] of [
  [3, 9, 200],
  [10, 17, 300],
  [24, 8, 60],
  [25, 9, 60],
  [50, 10, 40],
  [65, 2, 40],
  [100, 1, 40],
  [161, 1, 20],
  [200, 1, 12],
] as const) {
  for (const kind of ['dense', 'shared', 'lowRank', 'diagonal'] as const) {
    const rank = Math.min(n, 4);
    const games = Array.from({ length: trials }, () => {
      const count = kind === 'shared' ? 1 : n;
      const factors = normals(count * rank * n);
      const data = kind === 'lowRank' ? factors : kind === 'diagonal' ? uniforms(n * n) : squares(factors, count, rank, n);
      const hessian = kind === 'lowRank' ? { kind, data, rank } : { kind, data };
      return { n, hessian, initialWeights: onSimplex(n), temperature: 1, alpha: 5, tau: 1 };
    });
    for (const method of METHODS) {
      const stop = { maxSteps: steps, residual: 1e-12 };
      const found = await product.solveMany({ games, method, stop, failure: { onCycle: 'continue' }, backend });
      print(`solveMany ${kind} ${method.kind} ${trials} of n=${n}`, found.weights, found.ranking, found.residual, found.steps);
    }
  }
}
process.stdout.write(`${total.digest('hex').slice(0, 16)}  all\n`);

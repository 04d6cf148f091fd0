import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { competitionMask } from '../../src/competition.js';
import { log } from '../../src/core/arithmetic/index.js';
import { headForward } from '../../src/head.js';
import { type CompetingRowOptions, competingRow } from '../../src/participant/competing.js';
import { normals, uniforms } from '../../src/participant/draw.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { applyMask } from '../../src/participant/participant.js';

const SEED = 21;
const [n, width, batch, outputs, index] = [4, 2, 12, 3, 2];
const backend = createBackend({ kind: 'native' });
const head = DenseNet.random({
  widths: [n * width, 5, outputs],
  activation: 'relu',
  outputActivation: 'identity',
  optimiser: { learningRate: 1e-2 },
  seed: SEED,
  stream: [1],
  backend,
});
const labels = Int32Array.from({ length: batch }, (_, s) => s % outputs);
const stake = Float64Array.of(80, 120, 100, 60);
const temperature = 10;

function problem(ratio: number): CompetingRowOptions {
  const raw = uniforms(SEED, [2], n * n).map((u) => 0.1 + u);
  const weights = raw.map((w, at) => w / raw.subarray(n * Math.floor(at / n), n * Math.floor(at / n) + n).reduce((a, b) => a + b, 0));
  return {
    index,
    head,
    responses: normals(SEED, [3], batch * n * width),
    targets: { loss: 'softmaxCrossEntropy', labels },
    batch,
    peers: n,
    width,
    weights,
    stake,
    temperature,
    ratio,
    rate: 0.01,
    epsilon: 0.1,
    backend,
  };
}

/** P_i straight from its definition: the loss of the head behind the mask, and the rank (5). */
function payoff(options: CompetingRowOptions, weights: Float64Array): number {
  const mask = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    let shift = 0;
    for (let i = 0; i < n; i++) shift += (stake[i] * weights[i * n + j]) / n;
    mask[j] = 1 / (1 + Math.exp(-(stake[index] * weights[index * n + j] - shift) / temperature));
  }
  const responses = applyMask(options.responses, mask, width);
  const logits = headForward({ head, responses, batch, peers: n, width, backend });
  let loss = 0;
  for (let b = 0; b < batch; b++) {
    const z = logits.subarray(b * outputs, (b + 1) * outputs);
    loss += (log(z.reduce((sum, v) => sum + Math.exp(v), 0)) - z[labels[b]]) / batch;
  }
  let rank = 0;
  for (let i = 0; i < n; i++) rank += (stake[i] * weights[i * n + index]) / n;
  return rank - options.ratio * loss;
}

t.test('the ascent follows the gradient of the payoff by finite differences, own part in the shift included', async (t) => {
  const options = problem(300);
  const { gradient } = competingRow(options);
  for (let j = 0; j < n; j++) {
    const [up, down] = [options.weights.slice(), options.weights.slice()];
    up[index * n + j] += 1e-5;
    down[index * n + j] -= 1e-5;
    const slope = (payoff(options, up) - payoff(options, down)) / 2e-5;
    t.ok(Math.abs(slope - gradient[j]) < 1e-5 * (1 + Math.abs(slope)), `dP/dw[${j}]: ${gradient[j]} and ${slope}`);
  }
});

t.test('the row stays admissible and the payoff rises; without a price on loss every participant turns to itself', async (t) => {
  const options = problem(300);
  const { row } = competingRow({ ...options, rate: 1e-4 });
  const next = options.weights.slice();
  next.set(row, index * n);
  t.ok(payoff(options, next) > payoff(options, options.weights));
  let weights = problem(0).weights;
  for (let block = 0; block < 30; block++) {
    const chosen = competingRow({ ...problem(0), weights });
    const before = weights.slice(index * n, (index + 1) * n);
    t.ok(Math.abs(chosen.row.reduce((a, b) => a + b, 0) - 1) < 1e-12 && chosen.row.every((w) => w >= 0));
    t.ok(Math.sqrt(chosen.row.reduce((sum, w, j) => sum + (w - before[j]) ** 2, 0)) < 0.1 + 1e-12);
    weights = weights.slice();
    weights.set(chosen.row, index * n);
  }
  t.ok(weights[index * n + index] > 0.999);
  t.ok(competitionMask({ weights, stake, temperature, n, backend }).mask[index * n + index] > 0.99);
});

/** A backend that a call names computes all of it. Every backend gives the same bits, so only a default that fails shows one that was forgotten. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type Backend, createBackend, setDefaultBackend } from '../../src/backend/index.js';
import { competitiveEquilibrium } from '../../src/demo/competitive.js';
import { buildRankings } from '../../src/demo/rankings.js';
import { certify, solveEquilibrium, solveMany } from '../../src/equilibrium/index.js';
import { denseEncoder, resolveSettings } from '../../src/index-participant.js';
import { compareWithTwin, drawWorld, griefer } from '../../src/scenario/index.js';
import { fitPool, rankPool, rankScores, selectModels } from '../../src/stacking/index.js';
import { adaptInflation, runSweep, sweepTask } from '../../src/sweep/index.js';

const backend = createBackend({ kind: 'reference' });
const nobody: Backend = {
  describe: backend.describe,
  kernels: new Proxy(backend.kernels, {
    get(_, name) {
      throw new Error(`${String(name)} of the default backend was called`);
    },
  }),
};
setDefaultBackend(nobody);
t.teardown(() => setDefaultBackend(createBackend({ kind: 'native' })));
const folder = mkdtempSync(join(tmpdir(), 'intermodel-given-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const n = 3;
const hessian = { kind: 'diagonal', data: Array.from({ length: n * n }, (_, k) => 1 + k) } as const;
const game = { n, temperature: 5, alpha: 2, tau: 1, hessian, initialWeights: new Float64Array(n * n).fill(1 / n) };
const measurement = { ideal: [1, 2, 3], ablation: [3, 2, 1], shapley: [1, 1, 1] };
const measurements = Array.from({ length: n }, () => ({
  ...(Object.fromEntries(Object.entries(measurement).map(([name, row]) => [name, Float64Array.from(row)])) as {
    [name in keyof typeof measurement]: Float64Array;
  }),
  gram: Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0.1)),
  linearShare: 0,
}));
const labels = Int32Array.from({ length: 30 }, (_, s) => s % 2);
const answers = (shift: number) => Float64Array.from({ length: 60 }, (_, k) => Math.sin(k + shift) + (k % 2 === (k >> 1) % 2 ? 1 : 0));
const pool = { labels, models: [0, 1, 2].map((i) => ({ name: `m${i}`, answers: answers(i) })), folds: 2, resamples: 100, backend };
const controller = { measure: 'diagonalRatio', target: 1, error: 'relative', gain: 2e-4, proportional: 0.2, largestTau: 10 } as const;

t.test('a call without a backend does use the default', async (t) => {
  await t.rejects(solveEquilibrium({ game, method: { kind: 'spectral' }, stop: { maxSteps: 2 } }), /of the default backend was called/);
});

t.test('equilibria', async () => {
  const method = { kind: 'projectedGradient', rate: 0.1 } as const;
  const options = { method, stop: { maxSteps: 3 }, certificate: { starts: 1 }, backend };
  const { weights } = await solveEquilibrium({ game, ...options });
  await solveMany({ games: [game, game], method, stop: { maxSteps: 3 }, backend });
  certify({ game, weights, starts: 1, backend });
});

t.test('sweeps and adaptive inflation', async () => {
  const task = sweepTask({ seed: 1, trials: 1, grid: { n: [3], temperature: [1], alpha: [1] } });
  await runSweep({ task, folder: join(folder, 'sweep'), solve: solveMany, backend });
  await adaptInflation({
    ...{ seed: 1, trial: 0, n: 4, hessian: 'wishart-quality', initial: 'uniform', temperature: 10, alpha: 1, tau: 0 },
    ...{ controller, rate: 0.05, steps: 2, recordEvery: 1, backend },
  });
});

t.test('scenarios', async () => {
  const world = drawWorld('wishart-quality', { seed: 1, trial: 0, n: 4 });
  compareWithTwin({
    world,
    coalition: [0],
    strategy: griefer(1),
    stakeShare: 0.3,
    blocks: 2,
    temperature: 0.1,
    alpha: 1,
    tau: 0.1,
    backend,
  });
});

t.test('pools', async () => {
  await rankPool(pool);
  await selectModels(pool);
  await fitPool(pool);
  rankScores({ models: pool.models.map(({ name, answers: values }) => ({ name, scores: values })), resamples: 100, backend });
});

t.test('encoders and the rankings of a run', async () => {
  const encoder = denseEncoder({
    ...{ inputWidth: 4, hidden: [3], width: 2, activation: 'tanh', outputActivation: 'tanh', learningRate: 0.01 },
    ...{ seed: 1, stream: [1], backend },
  });
  await encoder.respond(
    Float32Array.from({ length: 8 }, (_, k) => k),
    2,
  );
  const settings = resolveSettings({ participants: n });
  const { ranking: competitive } = await competitiveEquilibrium({ measurements, settings, backend });
  buildRankings({ measurements, ledger: Float64Array.of(1, 2, 3), competitive, estimator: 'taylor2', backend });
});

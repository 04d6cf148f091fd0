import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { adaptTau } from '../../src/equilibrium/index.js';
import { type AdaptiveOptions, adaptInflation } from '../../src/sweep/adaptive.js';
import { drawHessian, drawInitial } from '../../src/sweep/laws.js';

const controller = { measure: 'diagonalRatio', target: 1, error: 'relative', gain: 2e-4, proportional: 0.2, largestTau: 10 } as const;
const BASE: AdaptiveOptions = {
  seed: 1,
  trial: 0,
  n: 10,
  hessian: 'wishart-quality',
  initial: 'uniform',
  temperature: 10,
  alpha: 1,
  tau: 0,
  controller,
  rate: 0.05,
  steps: 10_000,
  recordEvery: 2000,
};

t.test('from either start the ratio comes near its target, from tau = 0 upwards and from collapse downwards', async (t) => {
  const up = await adaptInflation(BASE);
  const down = await adaptInflation({ ...BASE, initial: 'identity', tau: 1 });
  t.same(
    up.map((point) => point.step),
    [0, 2000, 4000, 6000, 8000, 10_000],
  );
  t.ok(up[0]!.diagonalRatio! < 0.6 && up[1]!.tau > 0);
  t.equal(down[0]!.diagonalRatio, null);
  t.equal(down[0]!.pearson, null, 'no correlation at W = I');
  t.ok(down[1]!.tau < 1);
  for (const points of [up, down]) {
    const ends = points.slice(-2).map((point) => point.diagonalRatio!);
    t.ok(
      ends.every((ratio) => ratio > 0.67 && ratio < 1.5),
      ends.join(', '),
    );
  }
});

t.test('a run is the same on every backend, and stops when asked', async (t) => {
  const short = { ...BASE, steps: 60, recordEvery: 20 };
  const native = await adaptInflation({ ...short, backend: createBackend({ kind: 'native' }) });
  t.same(await adaptInflation({ ...short, backend: createBackend({ kind: 'reference' }) }), native);
  await t.rejects(adaptInflation({ ...short, signal: AbortSignal.abort() }), { name: 'AbortError' });
  for (const wrong of [{ rate: 0 }, { steps: 0 }, { tau: -1 }, { controller: { ...controller, gain: 0 } }]) {
    await t.rejects(adaptInflation({ ...short, ...wrong }), { name: 'InputError' });
  }
});

t.test('a run is the one that adaptTau makes in the native loop, to the bit, from either start and by either law', async (t) => {
  const starts = [
    { initial: 'uniform', tau: 0, law: 'integral' },
    { initial: 'identity', tau: 1, law: 'integral' },
    { initial: 'uniform', tau: 0.3, law: 'multiplicative' },
  ] as const;
  for (const { initial, tau, law } of starts) {
    const options = { ...BASE, initial, tau, controller: { ...controller, law }, steps: 1500, recordEvery: 1 };
    const points = await adaptInflation(options);
    const { n, temperature, alpha, rate, steps } = options;
    const name = { seed: BASE.seed, trial: BASE.trial, n };
    const hessian = drawHessian('wishart-quality', name);
    const game = { n, hessian, initialWeights: drawInitial(initial, name), temperature, alpha, tau, scaling: 'absolute' } as const;
    const method = { kind: 'projectedGradient', rate } as const;
    const never = steps + 1;
    const whole = await adaptTau({ game, method, controller: options.controller, stepsPerUpdate: 1, updates: steps, settledFor: never });
    // A point has the tau of the next step, a record the tau that led to it.
    t.strictSame(
      points.map((point) => point.tau),
      [...whole.trace.map((record) => record.tau), whole.tau],
    );
    t.strictSame(
      points.slice(1).map((point) => [point.step, point.diagonalRatio, point.diagonalShare]),
      whole.trace.map((record) => [record.step, record.diagonalRatio, record.diagonalShare]),
    );
    t.ok(new Set(points.map((point) => point.tau)).size > 100, 'tau does move');
  }
  await t.rejects(adaptInflation({ ...BASE, controller: { ...controller, law: 'multiplicative' } }), {
    argument: 'tau',
    code: 'BTM_DOMAIN',
  });
});

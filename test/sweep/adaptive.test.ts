import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { type AdaptiveOptions, adaptInflation, sparsityError, steer } from '../../src/sweep/adaptive.js';

const controller = { measure: 'diagonalRatio', target: 1, gain: 2e-4, proportional: 0.2, most: 10 } as const;
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

t.test('the error is zero on target, weighs twice and half alike, and is bounded', async (t) => {
  t.equal(sparsityError(1, 1), 0);
  t.equal(sparsityError(0.5, 1), -sparsityError(2, 1));
  t.equal(sparsityError(0, 1), 1);
  t.equal(sparsityError(null, 1), -1, 'W = I');
});

t.test('the integral does not wind up: it turns at once when the error does', async (t) => {
  let integral = 0.5;
  for (let step = 0; step < 10_000; step++) integral = steer(controller, integral, null).integral;
  t.equal(integral, 0, 'held at the lower end');
  t.ok(steer(controller, integral, 0.1).integral > 0, 'and leaves it in one step');
  for (let step = 0; step < 200_000; step++) integral = steer(controller, integral, 0).integral;
  t.equal(integral, controller.most);
  t.equal(steer(controller, integral, 0).tau, controller.most, 'tau stays within its range');
});

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

/** Consensus over rows against published values and plain counting. */
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { clipped, retention, weightedMedian } from '../../src/scenario/index.js';

t.test('two rows: the honest weight that keeps an honest majority, as published', async (t) => {
  const published: [Parameters<typeof retention>[0], number][] = [
    [{ honestStake: 0.6 }, 0.6],
    [{ honestStake: 0.7 }, 0.7],
    [{ honestStake: 0.6, pull: 0 }, 0.639],
    [{ honestStake: 0.6, pull: 0.5 }, 0.608],
    [{ honestStake: 0.6, pull: 1 }, 0.6],
  ];
  for (const [options, weight] of published) {
    t.ok(Math.abs(retention(options).weight - weight) < 1e-3, `${JSON.stringify(options)}: ${weight}`);
  }
  t.equal(retention({ honestStake: 0.59, kappa: 0.6 }).weight, 1, 'kappa 0.6 protects no majority below 60 %');
});

t.test('the supported weight is the largest that enough stake gives, by counting', async (t) => {
  const random = new RandomStream(4, 0);
  for (let trial = 0; trial < 200; trial++) {
    const [raters, n] = [1 + random.integer(6), 1 + random.integer(4)];
    const rows = Float64Array.from({ length: raters * n }, () => random.integer(5) / 4);
    const stake = Float64Array.from({ length: raters }, () => random.integer(4));
    const total = stake.reduce((sum, s) => sum + s, 0);
    const kappa = 0.3 + 0.6 * random.uniform();
    const found = weightedMedian(rows, stake, n, kappa);
    for (let j = 0; j < n; j++) {
      const levels = Array.from({ length: raters }, (_, i) => rows[i * n + j]!);
      const support = (w: number) => levels.reduce((sum, level, i) => sum + (level >= w ? stake[i]! : 0), 0);
      const best = total === 0 ? 0 : Math.max(...levels.filter((w) => support(w) >= kappa * total));
      t.equal(found[j], best, `trial ${trial}, column ${j}`);
    }
    const cut = clipped(rows, stake, n, kappa, 0.25);
    t.ok(
      cut.every((w, at) => Math.abs(w - (rows[at]! > found[at % n]! ? 0.75 * rows[at]! + 0.25 * found[at % n]! : rows[at]!)) < 1e-15),
      'a pull of 0.25 makes a quarter of the cut',
    );
  }
  t.throws(() => weightedMedian([1, 2, 3], [1, 1], 2, 0.5), { code: 'BTM_SHAPE', argument: 'rows' });
});

// What the heads of the folds owe to one another's samples: against brute force, and against the variance it stands for.
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import type { Design } from '../../src/stacking/design.js';
import { headSpread, spreadRows } from '../../src/stacking/head-spread.js';
import { drawResamples, estimate, type Units } from '../../src/stacking/resample.js';

function design(samples: number, weights = new Float64Array(samples).fill(1)): Design {
  return {
    samples,
    width: 1,
    outputs: 1,
    loss: 'squaredError',
    features: Float64Array.from({ length: samples }, (_, s) => s),
    starts: Int32Array.of(0, 1),
    absent: null,
    labels: new Int32Array(samples),
    targets: new Float64Array(samples),
    weights,
    order: Int32Array.from({ length: samples }, (_, s) => s),
    foldStarts: Int32Array.of(0, Math.floor(samples / 2), samples),
    means: new Float64Array(1),
    scales: Float64Array.of(1),
  };
}

function unitsOf(of: Int32Array, weights: Float64Array): Units {
  const mass = new Float64Array(Math.max(...of) + 1);
  of.forEach((unit, row) => {
    mass[unit] += weights[row];
  });
  return { count: mass.length, of, mass, what: 'groups' };
}

t.test('one sample a unit: the mean over samples of the variances about the mean head, over n', async (t) => {
  const whole = design(4);
  const units = unitsOf(Int32Array.of(0, 1, 2, 3), whole.weights);
  const heads = [Float64Array.of(1, 0, 2, 0, 3, 0, 6, 0), Float64Array.of(0, 0, 2, 0, 1, 0, 1, 0)];
  // apart from the mean head: 0.5, 0, 1, 2.5 and the same negative; about their mean of 1: -0.5, -1, 0, 1.5
  const [first, second] = headSpread(spreadRows(whole, units), heads, 2);
  t.equal(first, (2 * (0.25 + 1 + 0 + 2.25)) / 16);
  t.equal(second, 0);
});

t.test('weights and units enter as in a mean over units', async (t) => {
  const weights = Float64Array.of(1, 2, 1, 4);
  const whole = design(4, weights);
  const units = unitsOf(Int32Array.of(0, 0, 1, 1), weights);
  // weighted differences 0.5, 0, 1, 10; units 0.5 and 11, less 3/8 and 5/8 of 11.5
  const [found] = headSpread(spreadRows(whole, units), [Float64Array.of(1, 2, 3, 6), Float64Array.of(0, 2, 1, 1)], 1);
  t.ok(Math.abs(found - (2 * 2 * (0.5 - (11.5 * 3) / 8) ** 2) / 64) < 1e-14, String(found));
});

t.test('of many samples whole units are compared, and the variance is that of all', async (t) => {
  const stream = new RandomStream(20261128, 31);
  const samples = 6000;
  const whole = design(samples);
  const units = unitsOf(
    Int32Array.from({ length: samples }, (_, s) => Math.floor(s / 2)),
    whole.weights,
  );
  const heads = [0, 1, 2].map(() => Float64Array.from({ length: samples }, () => stream.normal()));
  const every = headSpread(spreadRows(whole, units, samples), heads, 1)[0];
  const rows = spreadRows(whole, units, 2000);
  t.equal(rows.design.samples, 2000);
  t.equal(rows.units, 1000);
  t.same([...rows.design.features.subarray(0, 4)], [0, 1, 6, 7], 'both samples of every third unit');
  t.same([...rows.of.subarray(0, 4)], [0, 0, 1, 1]);
  t.ok(Math.abs(rows.share - 1 / 3) < 1e-12);
  const some = heads.map((own) => Float64Array.from(rows.design.features, (sample) => own[sample]));
  const found = headSpread(rows, some, 1)[0];
  t.ok(Math.abs(found / every - 1) < 0.1, `${found} of ${every}`);
});

t.test('an interval is stretched about its value as the standard error grows', async (t) => {
  const { kernels } = createBackend({ kind: 'native' });
  const units = unitsOf(
    Int32Array.from({ length: 50 }, (_, s) => s),
    new Float64Array(50).fill(1),
  );
  const sums = Float64Array.from({ length: 50 }, (_, s) => s % 7);
  const draws = drawResamples(units, 400, 1);
  const [plain] = estimate(kernels, units, draws, sums, 1, 0.9);
  const [wide] = estimate(kernels, units, draws, sums, 1, 0.9, Float64Array.of(3 * plain.error ** 2));
  t.equal(wide.value, plain.value);
  t.ok(Math.abs(wide.error / plain.error - 2) < 1e-12);
  t.ok(Math.abs((wide.low - wide.value) / (plain.low - plain.value) - 2) < 1e-12);
  t.ok(Math.abs((wide.high - wide.value) / (plain.high - plain.value) - 2) < 1e-12);
  t.ok(wide.pValue > plain.pValue);
});

t.test(
  'weights that are nothing but noise: the variance given the heads is half of the true one, and the other half is found',
  async (t) => {
    // head k is the mean of x over the other folds, and the change of the loss is the product with x: a degenerate U-statistic
    const stream = new RandomStream(20261128, 32);
    const folds = 5;
    const size = 20;
    const dimensions = 4;
    const samples = folds * size;
    const whole = design(samples);
    const units = unitsOf(
      Int32Array.from({ length: samples }, (_, s) => s),
      whole.weights,
    );
    const rows = spreadRows(whole, units);
    let truth = 0;
    let given = 0;
    let added = 0;
    const draws = 600;
    for (let draw = 0; draw < draws; draw++) {
      const x = Float64Array.from({ length: samples * dimensions }, () => stream.normal());
      const heads = Array.from({ length: folds }, (_, k) => {
        const head = new Float64Array(dimensions);
        for (let s = 0; s < samples; s++) {
          if (Math.floor(s / size) === k) continue;
          for (let d = 0; d < dimensions; d++) head[d] += x[s * dimensions + d] / (samples - size);
        }
        return head;
      });
      const changes = heads.map((head) =>
        Float64Array.from({ length: samples }, (_, s) => head.reduce((sum, w, d) => sum + w * x[s * dimensions + d], 0)),
      );
      const own = Float64Array.from({ length: samples }, (_, s) => changes[Math.floor(s / size)][s]);
      const mean = own.reduce((sum, d) => sum + d / samples, 0);
      truth += mean * mean; // the worth under every head is 0
      given += own.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (samples * samples);
      added += headSpread(rows, changes, 1)[0];
    }
    t.ok(Math.abs(given / truth - 0.5) < 0.1, `given the heads: ${given / truth} of the variance`);
    t.ok(Math.abs((given + added) / truth - 1) < 0.15, `with the heads: ${(given + added) / truth}`);
  },
);

import t from 'tap';
import { RunningMean, shareSummary, studentQuantile } from '../../src/sweep/statistics.js';

t.test("Student's quantiles are those of the tables", async (t) => {
  // Closed forms for 1 and 2 degrees of freedom: tan(0.475 pi), and 2 a sqrt(2 / (1 - 4 a^2)) with a = 0.475; the rest from tables.
  const known: [number, number, number][] = [
    [1, Math.tan(0.475 * Math.PI), 1e-9],
    [2, 2 * 0.475 * Math.sqrt(2 / (1 - 4 * 0.475 ** 2)), 1e-9],
    [5, 2.570581835636314, 1e-9],
    [10, 2.228138851964939, 1e-9],
    [30, 2.0422724563012373, 1e-9],
    [99, 1.9842169515086827, 1e-9],
    [1e6, 1.959966358, 1e-6],
  ];
  for (const [freedom, expected, tolerance] of known)
    t.ok(Math.abs(studentQuantile(freedom) - expected) < tolerance, `${freedom}: ${studentQuantile(freedom)}`);
});

t.test('a running mean equals the mean of all values, with the interval of the textbook', async (t) => {
  const values = [3, 1, 4, 1, 5, 9, 2, 6];
  const running = new RunningMean();
  for (const value of values) running.add(value);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  const half = (2.364624251592785 * deviation) / Math.sqrt(values.length);
  const summary = running.summary();
  t.match(summary, { count: 8, min: 1, max: 9 });
  t.ok(Math.abs(summary.mean! - mean) < 1e-14);
  t.ok(Math.abs(summary.low! - (mean - half)) < 1e-12 && Math.abs(summary.high! - (mean + half)) < 1e-12);
});

t.test('no value has no mean, one value has no interval', async (t) => {
  const running = new RunningMean();
  t.same(running.summary(), { count: 0, mean: null, low: null, high: null, min: null, max: null });
  running.add(2);
  t.same(running.summary(), { count: 1, mean: 2, low: null, high: null, min: 2, max: 2 });
});

t.test('95 % intervals hold the true mean about 95 times in 100', async (t) => {
  // A fixed low-discrepancy sequence stands in for chance: mean 1/2 over every window.
  let held = 0;
  let position = 0.123;
  for (let run = 0; run < 2000; run++) {
    const running = new RunningMean();
    for (let k = 0; k < 12; k++) {
      position = (position * 997.31 + 0.6180339887498949) % 1;
      running.add(position);
    }
    const { low, high } = running.summary();
    if (low! <= 0.5 && 0.5 <= high!) held += 1;
  }
  t.ok(held > 1860 && held < 1960, `${held} of 2000`);
});

t.test("Wilson's interval: known values, and never outside [0, 1]", async (t) => {
  const all = shareSummary(100, 100);
  t.equal(all.share, 1);
  t.equal(all.high, 1);
  t.ok(Math.abs(all.low - 0.9630065) < 1e-6, String(all.low));
  const half = shareSummary(50, 100);
  t.ok(Math.abs(half.low - 0.403832) < 1e-6 && Math.abs(half.high - 0.596168) < 1e-6);
  t.equal(shareSummary(0, 5).low, 0);
});

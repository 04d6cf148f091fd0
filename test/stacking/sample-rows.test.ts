// Places of a list that stand for its sum, against what can be counted by hand and the sum itself.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { sampleRows } from '../../src/stacking/preconditioner.js';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

t.test('equal values: every so many, each with a step', async (t) => {
  // 12 values of 2, four places: a step of 6, at running sums of 3, 9, 15 and 21
  t.same(sampleRows(new Float64Array(12).fill(2), 4), { rows: [1, 4, 7, 10], shares: [6, 6, 6, 6] });
});

t.test('a value above a step keeps its own share; the others are taken at even steps of what is left', async (t) => {
  // a sum of 20 and four places: a step of 5; 12 is whole, and the running sum of the eight ones passes 2.5 and 7.5
  t.same(sampleRows(Float64Array.of(1, 1, 1, 1, 12, 1, 1, 1, 1), 4), { rows: [2, 4, 8], shares: [5, 12, 5] });
});

t.test('a short list is taken whole', async (t) => t.same(sampleRows(Float64Array.of(1, 0, 3), 3), { rows: [0, 1, 2], shares: [1, 0, 3] }));

t.test('shares add up to the sum within a step, in ascending places', async (t) => {
  const stream = new RandomStream(5, 1);
  for (const length of [50, 333, 1000]) {
    const values = Float64Array.from({ length }, () => stream.uniform() ** 3);
    const { rows, shares } = sampleRows(values, 40);
    const total = sum([...values]);
    t.ok(Math.abs(sum(shares) - total) <= total / 40, `${length}: ${sum(shares)} of ${total}`);
    t.ok(
      rows.every((row, k) => k === 0 || row > rows[k - 1]!),
      'ascending',
    );
    t.ok(rows.length <= 81, 'not many more places than asked for');
  }
});

/** The powers of two that keep sums of squares and of weights in range, by their contract. */
import t from 'tap';
import { diagonalSums, largestSize, safeScale } from '../../src/reference/safe-scale.js';

t.test('numbers between 2^-400 and 2^400 are left alone, both ends included; beyond, squares come into range', async (t) => {
  for (const largest of [0, 1, 2 ** 400, 2 ** -400]) t.equal(safeScale(largest), 1, `${largest}`);
  const above = 2 ** 400 * (1 + Number.EPSILON);
  const below = 2 ** -400 * (1 - Number.EPSILON / 2);
  t.equal(safeScale(above), 2 ** -600);
  t.equal(safeScale(below), 2 ** 600);
  for (const largest of [above, Number.MAX_VALUE, below, 2 ** -1000]) {
    const scaled = largest * safeScale(largest);
    t.ok(scaled ** 2 > 2 ** -1000 && scaled ** 2 < 2 ** 1000, `${largest}`);
  }
  t.equal(largestSize(Float64Array.of(1, -3, 2)), 3);
  t.equal(largestSize(new Float64Array(0)), 0);
});

t.test('own entries are those of the diagonal, the others the rest, also where a sum would overflow', async (t) => {
  const weights = Float64Array.of(1, 2, 4, 8, 16, 32, 64, 128, 256);
  t.same(diagonalSums(weights, 3), { own: 1 + 16 + 256, others: 2 + 4 + 8 + 32 + 64 + 128 });
  const large = Float64Array.of(1, 6, 4, 8, 16, 32, 64, 128, 256).map((weight) => weight * 2 ** 1015);
  t.same(diagonalSums(large, 3), { own: 273 * 2 ** (1015 - 64), others: 242 * 2 ** (1015 - 64) });
});

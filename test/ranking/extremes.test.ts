// Rankings, emissions, correlations and residuals at the ends of the range of a double: values from extended precision.
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { InputError } from '../../src/core/errors.js';
import { projectBoundedStep, projectSimplex, residuals } from '../../src/projection.js';
import {
  correlations,
  diagonalRatio,
  diagonalShare,
  idealRanking,
  inflate,
  interRanking,
  kendall,
  networkRanking,
  pearson,
  rankGradient,
  spearman,
} from '../../src/ranking.js';
import { backends } from '../payoff/backends.js';

const near = (a: number, b: number) => Math.abs(a - b) <= 1e-14 * Math.abs(b);
const allNear = (a: ArrayLike<number>, b: readonly number[]) => a.length === b.length && b.every((value, k) => near(a[k], value));

t.test('inflate mints what it says, however large or small the ranking and the rate', (test) => {
  const half = 10 * Math.SQRT1_2;
  for (const { name, backend } of backends) {
    for (const size of [1e200, 1e-200, 1e308, 1e-308, 5e-324]) {
      const { stake, minted } = inflate({ stake: [1, 2], ranking: [size, size], tau: 10, backend });
      test.ok(allNear(stake, [1 + half, 2 + half]) && near(minted, 2 * half), `l2, ${size}, ${name}`);
    }
    const summed = inflate({ stake: [1, 2], ranking: [1e308, 1e308], tau: 10, norm: 'l1', backend });
    test.ok(allNear(summed.stake, [6, 7]) && near(summed.minted, 10), `l1, ${name}`);
    const rate = inflate({ stake: [0, 0], ranking: [3e100, 4e100], tau: 1e300, backend });
    test.ok(allNear(rate.stake, [6e299, 8e299]), `a large rate, ${name}`);
    const small = inflate({ stake: [0, 0], ranking: [3e-100, 4e-100], tau: 1e-300, backend });
    test.ok(allNear(small.stake, [6e-301, 8e-301]), `a small rate, ${name}`);
    const raw = inflate({ stake: [0], ranking: [1e-200], tau: 1e200, norm: 'none', backend });
    test.ok(allNear(raw.stake, [1]), `no norm, ${name}`);
    test.throws(() => inflate({ stake: [1.7e308, 0], ranking: [1, 1], tau: 1.7e308, backend }), { argument: 'tau', name: 'InputError' });
  }
  test.end();
});

t.test('means of huge numbers are finite', (test) => {
  for (const { name, backend } of backends) {
    test.same([...idealRanking({ scores: [1e308, -1e308, 1.5e308, -1.5e308], backend })], [1.25e308, -1.25e308], name);
    test.same([...networkRanking({ weights: [1, 0, 1, 0], stake: [1e308, 1.5e308], n: 2, backend })], [1.25e308, 0], name);
    test.same([...interRanking({ scores: [1e308, 1e308, 5e-324, 0], backend })], [0.5, 0.5, 1, 0], name);
    const weights = [0.25, 0.75, 0.75, 0.25];
    const one = rankGradient({ weights, stake: [1, 1], n: 2, norm: 'l2', backend });
    for (const size of [1e200, 1e-200, 1e308]) {
      const scaled = rankGradient({ weights, stake: [size, size], n: 2, norm: 'l2', backend });
      test.ok(allNear(scaled, [...one]), `the gradient of a normalised rank has no unit, ${size}, ${name}`);
    }
  }
  const weights = [1e308, 1e308, 1e308, 1e308];
  test.equal(diagonalShare({ weights, n: 2 }), 0.5);
  test.equal(diagonalRatio({ weights, n: 2 }), 1);
  test.end();
});

t.test('residuals of huge and tiny gradients are those of ordinary ones, scaled', (test) => {
  const weights = [0.5, 0.25, 0.25];
  const gradient = [3, 1, 2]; // gap 3 - 2.25; the ball of radius 0.1 is inside the simplex, so regret 0.1 times the spread's length, sqrt(2)
  for (const { name, backend } of backends) {
    for (const size of [1, 5e307, 1e250, 1e-250, 1e-300]) {
      const found = residuals({ weights, gradient: gradient.map((g) => g * size), epsilon: 0.1, n: 3, backend });
      test.ok(near(found.gap[0] / size, 0.75), `gap, ${size}, ${name}`);
      test.ok(Math.abs(found.regret[0] / size - 0.1 * Math.SQRT2) < 1e-12, `regret, ${size}, ${name}`);
      test.ok(Number.isFinite(found.natural[0]), `natural residual, ${size}, ${name}`);
    }
    const opposed = residuals({ weights: [0.5, 0.5], gradient: [1e308, -1e308], epsilon: 0.1, n: 2, backend });
    test.ok(near(opposed.gap[0], 1e308) && near(opposed.natural[0], Math.SQRT1_2), `opposed, ${name}`);
    test.ok(Math.abs(opposed.regret[0] / 1e308 - 0.1 * Math.SQRT2) < 1e-12, `regret of opposed, ${name}`);
    const wide = residuals({ weights: [0.5, 0.5, 0], gradient: [1, 0, 0], epsilon: 1e200, n: 3, backend });
    test.ok(near(wide.regret[0], 0.5), `a radius beyond everything: the whole gain, ${name}`);
    test.same([...projectSimplex({ rows: [1e308, -1e308, 1e308], n: 3, backend })], [0.5, 0, 0.5], name);
    test.same([...projectBoundedStep({ rows: [0.5, 0.5], steps: [1e308, -1e308], epsilon: 1e200, n: 2, backend })], [1, 0], name);
  }
  test.end();
});

t.test('a bound on a step must be a number above 0', (test) => {
  const options = { rows: [0.5, 0.5], steps: [1, -1], n: 2 };
  for (const epsilon of [-100, 0, Number.NaN, Number.POSITIVE_INFINITY, undefined, '1'])
    test.throws(() => projectBoundedStep({ ...options, epsilon: epsilon as number }), { name: 'InputError', argument: 'epsilon' });
  test.throws(() => projectBoundedStep({ ...options, steps: [Number.NaN, 0], epsilon: 1 }), InputError);
  test.throws(() => projectBoundedStep({ ...options, rows: [1e9, 0], epsilon: 1 }), { code: 'BTM_ROWSUM' });
  test.end();
});

t.test('correlations do not depend on unit or offset, as far as doubles carry the differences', (test) => {
  const b = [3, 1, 2];
  const value = -0.32732683535398854; // -1 / sqrt(28 / 3), of [1, 2, 4] with [3, 1, 2]
  for (const offset of [0, 1e6, 1e12, 1e15]) {
    const found = pearson(
      [1, 2, 4].map((x) => x + offset),
      b,
    ).value;
    test.ok(found !== null && Math.abs(found - value) < 1e-14, `offset ${offset}: ${found}`);
  }
  for (const unit of [1e307, 1e-307]) {
    const found = pearson(
      [1, 2, 4].map((x) => x * unit),
      b,
    ).value;
    test.ok(found !== null && Math.abs(found - value) < 1e-14, `unit ${unit}: ${found}`);
  }
  const a = [1.7e308, 1.7e308, -1.7e308];
  test.ok(Math.abs((pearson(a, [1, 2, 3]).value ?? 0) + 0.8660254037844386) < 1e-15, 'pearson at the largest doubles');
  test.ok(Math.abs((spearman(a, [1, 2, 3]).value ?? 0) + 0.8660254037844386) < 1e-15, 'spearman');
  test.ok(Math.abs((kendall(a, [1, 2, 3]).value ?? 0) + Math.sqrt(2 / 3)) < 1e-15, 'kendall, tau-b');
  test.equal(pearson([0.1 + 0.2, 0.3, 0.3], b).value, null, 'a constant seen through rounding is constant');
  test.match(correlations([1e308, 1e308, 1e308], b).kendall.reason, /constant/);
  test.end();
});

t.test('rows of a Float32Array are weights, though their sums are not 1 to the last digit', (test) => {
  const { backend } = backends[0];
  const ranking = networkRanking({ weights: Float32Array.of(0.6, 0.4, 0.3, 0.7), n: 2, backend });
  test.ok(Math.abs(ranking[0] + ranking[1] - 1) < 1e-15, 'and are divided by their sums');
  test.throws(() => networkRanking({ weights: Float32Array.of(0.6, 0.41, 0.3, 0.7), n: 2, backend }), { code: 'BTM_ROWSUM', index: 0 });
  test.throws(() => networkRanking({ weights: Float64Array.of(0.6000001, 0.4, 0.3, 0.7), n: 2, backend }), { code: 'BTM_ROWSUM' });
  test.end();
});

t.test('ties count in the denominators of tau-b, each vector for itself', (test) => {
  // seven pairs agree, one disagrees; one pair of ten is tied in a, two in b
  const { value } = kendall([1, 2, 2, 3, 4], [1, 3, 2, 2, 5]);
  test.ok(near(value ?? 0, 6 / 9), `${value}`);
  const uneven = kendall([1, 2, 3, 4], [1, 1, 1, 2]).value;
  test.ok(near(uneven ?? 0, 3 / Math.sqrt(6 * 3)), `${uneven}`);
  test.ok(near(kendall([1, 1, 1, 2], [1, 2, 3, 4]).value ?? 0, 3 / Math.sqrt(6 * 3)));
  test.end();
});

t.test('column means on threads, where the last block of columns is full, has one more or lacks one', (test) => {
  const backend = createBackend({ kind: 'native', threads: 4 });
  for (const n of [1, 62, 63, 64, 65, 127, 128, 129, 191, 255]) {
    const rows = 260;
    const scores = Float64Array.from({ length: rows * n }, (_, at) => (at % n) - n / 2 + (Math.floor(at / n) % 2 === 0 ? 1 : -1));
    const means = Float64Array.from({ length: n }, (_, j) => j - n / 2);
    test.same(idealRanking({ scores, n, backend }), means, `n = ${n}`);
  }
  test.end();
});
